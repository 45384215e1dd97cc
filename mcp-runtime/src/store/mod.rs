//! Stores: values under keys, each with an expiry time and an owner, and logs.
//!
//! [`Store`] holds what replicas share, in memory or elsewhere. [`Bounded`] holds the data of one process.

mod bounded;
mod contract;
#[cfg(any(feature = "redis", feature = "sqlite"))]
mod error;
mod log;
mod memory;
mod memory_logs;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::error::Error;
use std::future::ready;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_core::future::BoxFuture;

pub(crate) use bounded::{Bounded, Capacity, Full, Lease};
pub use contract::check_store;
#[cfg(any(feature = "redis", feature = "sqlite"))]
pub use error::StoreError;
pub use log::{LogEntry, LogRead};
pub use memory::MemoryStore;
#[cfg(feature = "redis")]
pub use redis::RedisStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

use crate::owner::Owner;

/// The future that the methods of a [`Store`] return.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, Box<dyn Error + Send + Sync>>>;

/// A store of bytes under keys until they expire, and of logs, for this process or for all replicas of a server.
///
/// [`MemoryStore`] is one within the process, `SqliteStore` (feature `sqlite`) is a file, and `RedisStore` (feature `redis`) is
/// Redis or Valkey. Keys and the names of logs are ASCII, at most 100 bytes long, and safe in file names. A store must not drop a
/// value before it expires: if it is full, it refuses new ones.
///
/// A write whose future was dropped, or that failed because the connection to the store was lost, may have been done. Stores do not
/// repeat a write by themselves.
///
/// [`check_store`] checks a store against the documentation of these methods.
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
    /// Returns the value of a key, or `None` if there is none or it has expired.
    ///
    /// # Errors
    /// Returns an error if the store cannot be reached.
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>>;

    /// Puts a value under a key that has none, and returns `true` if it did. Of several concurrent calls one succeeds.
    ///
    /// # Errors
    /// Returns an error if the store cannot be reached or is full.
    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool>;

    /// Replaces the value of a key if it still is `old`, and returns `true` if it did. Of several concurrent calls with one
    /// `old` value, one succeeds.
    ///
    /// The data of sessions ([`Server::session_store`](crate::Server::session_store)) and tasks
    /// ([`Tasks::store`](crate::Tasks::store)) need this method; by default it fails.
    /// With Redis, for instance, it is a script that compares and sets the value.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mcp_runtime::{MemoryStore, Store, StoreEntry};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// let store = MemoryStore::default();
    /// let entry = |value| StoreEntry::new(value, Duration::from_secs(60));
    /// store.put_if_absent("a", entry(b"1")).await?;
    /// assert!(store.replace("a", b"1", entry(b"2")).await?);
    /// // The value is not `1` any more.
    /// assert!(!store.replace("a", b"1", entry(b"3")).await?);
    /// assert_eq!(store.get("a").await?, Some(b"2".to_vec()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the store cannot be reached or is full. If it is full, the value is unchanged.
    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        let _ = (key, old, entry);
        Box::pin(ready(Err(
            "this store does not implement `Store::replace`".into()
        )))
    }

    /// Removes the value of a key, if there is one.
    ///
    /// # Errors
    /// Returns an error if the store cannot be reached.
    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()>;

    /// Appends an entry of at most 64 KiB to a log, and returns its position.
    ///
    /// The positions of a log are consecutive. Those of a log that was lost or forgotten, and exists again, are greater than before,
    /// as far as the clock was not set back. A log keeps an entry until its time to live ends, and at most the last 10,000 entries
    /// and 16 MiB. By default this method fails.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mcp_runtime::{MemoryStore, Store, StoreEntry};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// let store = MemoryStore::default();
    /// let position = store.last_position("changes").await?;
    /// store.append("changes", StoreEntry::new(b"a", Duration::from_secs(60))).await?;
    /// let read = store.read_after("changes", position, Duration::from_secs(5)).await?;
    /// assert_eq!(read.entries[0].value, b"a");
    /// assert!(!read.missed);
    /// // `read.position` is where the next call continues.
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the entry is too large, or if the store cannot be reached or is full.
    fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
        let _ = (log, entry);
        Box::pin(ready(Err(
            "this store does not implement `Store::append`".into()
        )))
    }

    /// Returns at most 256 entries of a log after a position, the oldest first. If there are none, it waits for one for at most this
    /// time, and then returns none.
    ///
    /// A position is that of [`LogRead::position`] or [`Store::last_position`]; 0 is before the first entry. If the future is
    /// dropped, nothing is lost: the same position returns the same entries. By default this method fails.
    ///
    /// # Errors
    /// Returns an error if the store cannot be reached.
    fn read_after<'a>(
        &'a self,
        log: &'a str,
        after: u64,
        wait: Duration,
    ) -> StoreFuture<'a, LogRead> {
        let _ = (log, after, wait);
        Box::pin(ready(Err(
            "this store does not implement `Store::read_after`".into(),
        )))
    }

    /// Returns the position of the last entry of a log, or 0 if it has never had one: a reader that starts here receives what is
    /// appended from now on. By default this method fails.
    ///
    /// # Errors
    /// Returns an error if the store cannot be reached.
    fn last_position<'a>(&'a self, log: &'a str) -> StoreFuture<'a, u64> {
        let _ = log;
        Box::pin(ready(Err(
            "this store does not implement `Store::last_position`".into(),
        )))
    }
}

/// A store that several servers or options share.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        (**self).get(key)
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        (**self).put_if_absent(key, entry)
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        (**self).replace(key, old, entry)
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        (**self).remove(key)
    }

    fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
        (**self).append(log, entry)
    }

    fn read_after<'a>(
        &'a self,
        log: &'a str,
        after: u64,
        wait: Duration,
    ) -> StoreFuture<'a, LogRead> {
        (**self).read_after(log, after, wait)
    }

    fn last_position<'a>(&'a self, log: &'a str) -> StoreFuture<'a, u64> {
        (**self).last_position(log)
    }
}

/// A value for a [`Store`], and its time to live.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::StoreEntry;
///
/// let entry = StoreEntry::new(b"value", Duration::from_secs(60));
/// assert_eq!(entry.value, b"value");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreEntry<'a> {
    /// The value.
    pub value: &'a [u8],
    /// The time for which the value is kept.
    pub time_to_live: Duration,
    /// The owner of the value. Only a store within the process can account for it.
    pub(crate) owner: Owner,
}

impl<'a> StoreEntry<'a> {
    /// Returns an entry with this value and this time to live.
    pub fn new(value: &'a [u8], time_to_live: Duration) -> Self {
        Self {
            value,
            time_to_live,
            owner: Owner::Local,
        }
    }
}

/// Returns 32 hexadecimal digits that differ for different values, except for values that were made to collide.
pub(crate) fn digest(value: impl Hash) -> String {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, &value).hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(0), half(1))
}

/// Returns the current time in milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = system_time().duration_since(UNIX_EPOCH);
    since.map_or(0, milliseconds)
}

/// Returns the current time.
#[cfg(not(test))]
#[inline]
pub(crate) fn system_time() -> SystemTime {
    SystemTime::now()
}

/// Returns the current time by the clock of tokio, which tests can pause and move.
#[cfg(test)]
pub(crate) fn system_time() -> SystemTime {
    use std::sync::LazyLock;
    use std::time::Instant;

    // Both clocks are read once: between two reads, a busy machine would let them run apart.
    static START: LazyLock<(SystemTime, Instant)> =
        LazyLock::new(|| (SystemTime::now(), Instant::now()));
    let (time, start) = *START;
    let clock = tokio::time::Instant::now().into_std();
    time + clock.saturating_duration_since(start) - start.saturating_duration_since(clock)
}

/// Returns a duration in milliseconds, or `u64::MAX` if it is longer than that.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
