//! Stores that servers share, and stores that wait or fail. All of them keep their values in memory.

use std::error::Error;
use std::future::{Future, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::{LogRead, MemoryStore, Store, StoreEntry, StoreFuture};
use tokio::sync::Semaphore;

/// A store that several servers share.
pub type Shared = Arc<MemoryStore>;

/// The end of a step; an error is that of the store.
pub type Done = Result<(), Box<dyn Error + Send + Sync>>;

/// What happens around the operations of a store.
pub trait Fault: Clone + Send + Sync + 'static {
    /// An error means that the operation is not done.
    fn before(&self) -> Done {
        Ok(())
    }

    /// An error means that the entry is not put.
    fn before_put(&self, _key: &str) -> impl Future<Output = Done> + Send {
        ready(Ok(()))
    }

    /// An error is the reply to a put that was done.
    fn after_put(&self, _key: &str) -> Done {
        Ok(())
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

/// A store that waits or fails.
#[derive(Debug, Clone, Default)]
pub struct Faulty<F> {
    /// The store without faults.
    pub store: Shared,
    /// The faults.
    pub fault: F,
}

impl<F: Fault> Faulty<F> {
    /// Returns another view of the same values, with this fault.
    pub fn with<G>(&self, fault: G) -> Faulty<G> {
        let store = Arc::clone(&self.store);
        Faulty { store, fault }
    }
}

impl<F> From<F> for Faulty<F> {
    fn from(fault: F) -> Self {
        let store = Shared::default();
        Self { store, fault }
    }
}

impl<F: Fault> Store for Faulty<F> {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            self.fault.before()?;
            self.store.get(key).await
        })
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.fault.before()?;
            self.fault.before_put(key).await?;
            let put = self.store.put_if_absent(key, entry).await?;
            self.fault.after_put(key)?;
            Ok(put)
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.fault.before()?;
            self.fault.before_replace(entry.value).await?;
            let replaced = self.store.replace(key, old, entry).await?;
            self.fault.after_replace(key)?;
            Ok(replaced)
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.fault.before()?;
            self.store.remove(key).await
        })
    }

    fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            self.fault.before()?;
            self.store.append(log, entry).await
        })
    }

    fn read_after<'a>(
        &'a self,
        log: &'a str,
        after: u64,
        wait: Duration,
    ) -> StoreFuture<'a, LogRead> {
        Box::pin(async move {
            self.fault.before()?;
            self.store.read_after(log, after, wait).await
        })
    }

    fn last_position<'a>(&'a self, log: &'a str) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            self.fault.before()?;
            self.store.last_position(log).await
        })
    }
}

/// The store is away while this is `true`.
#[derive(Debug, Clone, Default)]
pub struct Away(pub Arc<AtomicBool>);

impl Away {
    /// Sets whether the store is away.
    pub fn set(&self, is_away: bool) {
        self.0.store(is_away, Ordering::Release);
    }
}

impl Fault for Away {
    fn before(&self) -> Done {
        if self.0.load(Ordering::Acquire) {
            return Err("the store is away".into());
        }
        Ok(())
    }
}

/// Returns `true` for the record of a task, and `false` for the list of the tasks of an account.
fn is_record(key: &str) -> bool {
    !key.starts_with("task-owner-")
}

/// Changed values take some time.
#[derive(Debug, Clone, Default)]
pub struct Late;

impl Fault for Late {
    async fn before_replace(&self, _: &[u8]) -> Done {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    }
}

/// The replies to some writes are lost, which are done nevertheless.
#[derive(Debug, Clone, Default)]
pub struct Mute(Arc<AtomicUsize>);

impl Fault for Mute {
    fn after_replace(&self, key: &str) -> Done {
        if is_record(key) && self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return Err("the reply is lost".into());
        }
        Ok(())
    }
}

/// The store is away for some time, and takes only values of a size.
#[derive(Debug, Clone)]
pub struct Weak {
    /// `true` while the store is away.
    pub is_away: Arc<AtomicBool>,
    /// The size of the largest value.
    pub limit: usize,
}

impl Weak {
    /// Returns a fault with this size of the largest value.
    pub fn new(limit: usize) -> Self {
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
#[derive(Debug, Clone)]
pub struct Slow(pub Arc<Semaphore>);

impl Fault for Slow {
    async fn before_put(&self, key: &str) -> Done {
        if is_record(key) {
            self.0.acquire().await?.forget();
        }
        Ok(())
    }
}
