//! What a server has to remember: values under keys, each for a time and for somebody.
//!
//! [`Store`] is for what replicas have in common, and its memory may be anywhere. [`Bounded`] is for what one process
//! remembers of its own.

mod bounded;
mod memory;

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_core::future::BoxFuture;

#[cfg(test)]
pub(crate) use bounded::Capacity;
pub(crate) use bounded::{Bounded, Full, Lease};
pub use memory::MemoryStore;

use crate::owner::Owner;

/// What the methods of a [`Store`] give.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, Box<dyn Error + Send + Sync>>>;

/// Keeps bytes under keys until their time is over, for this process or for all replicas of a server.
///
/// [`MemoryStore`] is one within the process. With Redis, for instance, `get` is `GET key`, `put_if_absent` is
/// `SET key value NX PX milliseconds`, and `remove` is `DEL key`. Keys are ASCII, at most 100 bytes long, and safe in the
/// names of files. A store must not drop a value before its time is over: where it has no room, it refuses new ones.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::{MemoryStore, Store, StoreEntry, StoreFuture};
///
/// /// The keys of one server among others in the same store.
/// struct Prefixed<S>(&'static str, S);
///
/// impl<S: Store> Store for Prefixed<S> {
///     fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
///         Box::pin(async move { self.1.get(&format!("{}{key}", self.0)).await })
///     }
///
///     fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
///         Box::pin(async move { self.1.put_if_absent(&format!("{}{key}", self.0), entry).await })
///     }
///
///     fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
///         Box::pin(async move { self.1.remove(&format!("{}{key}", self.0)).await })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let store = Prefixed("bank:", MemoryStore::default());
/// let entry = StoreEntry::new(b"1", Duration::from_secs(60));
/// assert!(store.put_if_absent("a", entry.clone()).await?);
/// assert!(!store.put_if_absent("a", entry).await?);
/// assert_eq!(store.get("a").await?, Some(b"1".to_vec()));
/// # Ok(())
/// # }
/// ```
pub trait Store: Send + Sync + 'static {
    /// Returns the value of a key, or `None` where there is none or its time is over.
    ///
    /// # Errors
    /// The store cannot be reached.
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>>;

    /// Puts a value under a key that has none, and tells whether it did. Of several who try at once one succeeds.
    ///
    /// # Errors
    /// The store cannot be reached, or has no room for another value.
    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool>;

    /// Removes the value of a key, if there is one.
    ///
    /// # Errors
    /// The store cannot be reached.
    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()>;
}

/// A value for a [`Store`], and how long it is kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreEntry<'a> {
    /// The value.
    pub value: &'a [u8],
    /// How long the value is kept.
    pub time_to_live: Duration,
    /// Whose value it is, which only a store within the process can count.
    pub(crate) owner: Owner,
}

impl<'a> StoreEntry<'a> {
    /// Returns an entry of a value that is kept for so long.
    pub fn new(value: &'a [u8], time_to_live: Duration) -> Self {
        Self {
            value,
            time_to_live,
            owner: Owner::Local,
        }
    }
}

/// Returns the milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, milliseconds)
}

/// Returns a duration in milliseconds, of which no duration that matters has too many.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
