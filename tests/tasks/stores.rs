//! Stores that servers share, and stores whose writes wait or fail. All of them keep their values in memory.

use std::error::Error;
use std::future::{Future, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::{MemoryStore, Store, StoreEntry, StoreFuture};
use tokio::sync::Semaphore;

/// A store that several servers share.
pub(crate) type Shared = Arc<MemoryStore>;

type Done = Result<(), Box<dyn Error + Send + Sync>>;

/// What happens around the writes of a store.
pub(crate) trait Fault: Clone + Send + Sync + 'static {
    /// An error means that the entry is not put.
    fn before_put(&self, _key: &str) -> impl Future<Output = Done> + Send {
        ready(Ok(()))
    }

    /// An error means that the value is not replaced.
    fn before_replace(&self, _value: &[u8]) -> impl Future<Output = Done> + Send {
        ready(Ok(()))
    }

    /// An error is the reply to a write that was done.
    fn after_replace(&self, _key: &str) -> Done {
        Ok(())
    }
}

/// A store whose writes wait or fail.
#[derive(Clone, Default)]
pub(crate) struct Faulty<F> {
    pub(crate) store: Shared,
    pub(crate) fault: F,
}

impl<F> From<F> for Faulty<F> {
    fn from(fault: F) -> Self {
        let store = Shared::default();
        Self { store, fault }
    }
}

impl<F: Fault> Store for Faulty<F> {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        self.store.get(key)
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.fault.before_put(key).await?;
            self.store.put_if_absent(key, entry).await
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.fault.before_replace(entry.value).await?;
            let replaced = self.store.replace(key, old, entry).await?;
            self.fault.after_replace(key)?;
            Ok(replaced)
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        self.store.remove(key)
    }
}

/// Returns `true` for the record of a task, and `false` for the list of the tasks of an account.
fn is_record(key: &str) -> bool {
    !key.starts_with("task-owner-")
}

/// Changed values take some time.
#[derive(Clone, Default)]
pub(crate) struct Late;

impl Fault for Late {
    async fn before_replace(&self, _: &[u8]) -> Done {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    }
}

/// The replies to some writes are lost, which are done nevertheless.
#[derive(Clone, Default)]
pub(crate) struct Mute(Arc<AtomicUsize>);

impl Fault for Mute {
    fn after_replace(&self, key: &str) -> Done {
        if is_record(key) && self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return Err("the reply is lost".into());
        }
        Ok(())
    }
}

/// The store is away for some time, and takes only values of a size.
#[derive(Clone)]
pub(crate) struct Weak {
    pub(crate) is_away: Arc<AtomicBool>,
    pub(crate) limit: usize,
}

impl Weak {
    pub(crate) fn new(limit: usize) -> Self {
        let is_away = Arc::default();
        Self { is_away, limit }
    }
}

impl Fault for Weak {
    async fn before_replace(&self, value: &[u8]) -> Done {
        if self.is_away.load(Ordering::Acquire) || value.len() > self.limit {
            return Err("no".into());
        }
        Ok(())
    }
}

/// New records wait for permits.
#[derive(Clone)]
pub(crate) struct Slow(pub(crate) Arc<Semaphore>);

impl Fault for Slow {
    async fn before_put(&self, key: &str) -> Done {
        if is_record(key) {
            self.0.acquire().await?.forget();
        }
        Ok(())
    }
}
