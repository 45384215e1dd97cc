//! The in-process store.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::memory_logs::Logs;
use super::{Bounded, Full, Lease, LogRead, Store, StoreEntry, StoreFuture, milliseconds, now};
use crate::sync::Mutex;

/// The size of an entry besides its key, which is stored twice, and its value.
const OVERHEAD: usize = 200;

/// A [`Store`] within this process. If it is full of values that have not expired, it refuses new ones.
///
/// ```
/// use mcp_runtime::{MemoryStore, Server};
///
/// // At most 1,000 values and 1 MiB.
/// let server = Server::new("bank", "1.0.0").single_use_state(MemoryStore::new(1_000, 1 << 20));
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    values: Mutex<Bounded<Arc<str>, Box<[u8]>>>,
    logs: Mutex<Logs>,
    /// Tells waiting readers that a log has a new entry.
    appended: watch::Sender<()>,
}

impl MemoryStore {
    /// Returns a store for at most this many values, and this many bytes of keys, values and index. The logs have at most as many
    /// entries and bytes again.
    pub fn new(entries: usize, bytes: usize) -> Self {
        Self {
            values: Mutex::new(Bounded::new(entries, bytes).shared()),
            logs: Mutex::new(Logs::new(entries, bytes)),
            appended: watch::Sender::new(()),
        }
    }

    async fn wait(&self, log: &str, after: u64, wait: Duration) -> LogRead {
        let mut appended = self.appended.subscribe();
        let newer = async {
            loop {
                // Marked as seen before the log is read, so that an entry in between ends the wait.
                appended.borrow_and_update();
                let read = self.logs.lock().read(log, after);
                if !read.is_empty() {
                    return read;
                }
                let _ = appended.changed().await;
            }
        };
        match timeout(wait, newer).await {
            Ok(read) => read,
            Err(_) => self.logs.lock().read(log, after),
        }
    }

    fn swap(&self, key: &str, old: &[u8], entry: StoreEntry<'_>) -> Result<bool, Full> {
        let mut kept = self.values.lock();
        if kept.get(key).is_none_or(|value| **value != *old) {
            return Ok(false);
        }
        let (before, after) = (old.len(), entry.value.len());
        let lease = Lease {
            owner: entry.owner,
            expires: now().saturating_add(milliseconds(entry.time_to_live)),
            bytes: after.saturating_sub(before),
        };
        *kept.hold(key.into(), lease, Box::default)? = entry.value.into();
        kept.resize(key, 0, before.saturating_sub(after));
        Ok(true)
    }

    fn put(&self, key: &str, entry: StoreEntry<'_>) -> Result<bool, Full> {
        let mut kept = self.values.lock();
        if kept.get(key).is_some() {
            return Ok(false);
        }
        let lease = Lease {
            owner: entry.owner,
            expires: now().saturating_add(milliseconds(entry.time_to_live)),
            bytes: OVERHEAD + key.len() + entry.value.len(),
        };
        kept.hold(key.into(), lease, || entry.value.into())?;
        Ok(true)
    }
}

/// A store for 100,000 values and 64 MiB.
impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(100_000, 64 << 20)
    }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        let value = self.values.lock().get(key).map(|value| value.to_vec());
        Box::pin(ready(Ok(value)))
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.put(key, entry).map_err(Into::into)))
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.swap(key, old, entry).map_err(Into::into)))
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        self.values.lock().remove(key);
        Box::pin(ready(Ok(())))
    }

    fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
        let position = self.logs.lock().append(log, entry);
        self.appended.send_replace(());
        Box::pin(ready(position.map_err(Into::into)))
    }

    fn read_after<'a>(
        &'a self,
        log: &'a str,
        after: u64,
        wait: Duration,
    ) -> StoreFuture<'a, LogRead> {
        Box::pin(async move { Ok(self.wait(log, after, wait).await) })
    }

    fn last_position<'a>(&'a self, log: &'a str) -> StoreFuture<'a, u64> {
        let position = self.logs.lock().last(log);
        Box::pin(ready(Ok(position)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_value_is_put_once_until_its_time_is_over_or_it_is_removed() {
        let store = MemoryStore::new(2, 10_000);
        let entry = StoreEntry::new(b"1", Duration::from_secs(60));
        assert!(store.put_if_absent("a", entry.clone()).await.unwrap());
        let other = StoreEntry::new(b"2", Duration::from_secs(60));
        assert!(!store.put_if_absent("a", other).await.unwrap());
        assert_eq!(store.get("a").await.unwrap(), Some(b"1".to_vec()));
        store.remove("a").await.unwrap();
        assert_eq!(store.get("a").await.unwrap(), None);
        let over = StoreEntry::new(b"3", Duration::ZERO);
        for _ in 0..2 {
            assert!(store.put_if_absent("b", over.clone()).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_value_is_replaced_if_it_is_the_expected_one() {
        let store = MemoryStore::new(2, 500);
        let minute = Duration::from_secs(60);
        let entry = |value| StoreEntry::new(value, minute);
        assert!(!store.replace("a", b"", entry(b"1")).await.unwrap());
        assert!(store.put_if_absent("a", entry(b"1")).await.unwrap());
        assert!(!store.replace("a", b"2", entry(b"3")).await.unwrap());
        assert!(store.replace("a", b"1", entry(&[0; 200])).await.unwrap());
        assert!(
            store
                .replace("a", &[0; 200], entry(&[0; 400]))
                .await
                .is_err()
        );
        assert_eq!(store.get("a").await.unwrap(), Some(vec![0; 200]));
        // A shorter value frees its bytes.
        assert!(store.put_if_absent("b", entry(b"")).await.is_err());
        assert!(store.replace("a", &[0; 200], entry(b"")).await.unwrap());
        assert!(store.put_if_absent("b", entry(b"")).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn expired_entries_of_a_log_leave_their_space_to_other_logs() {
        let store = MemoryStore::new(2, 10_000);
        let entry = || StoreEntry::new(b"1", Duration::from_secs(60));
        for _ in 0..2 {
            store.append("a", entry()).await.unwrap();
        }
        assert!(store.append("b", entry()).await.is_err());
        tokio::time::advance(Duration::from_secs(61)).await;
        store.append("b", entry()).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_store_refuses() {
        let entry = StoreEntry::new(b"12345", Duration::from_secs(60));
        for full in [MemoryStore::new(1, 10_000), MemoryStore::new(2, 300)] {
            assert!(full.put_if_absent("a", entry.clone()).await.unwrap());
            assert!(full.put_if_absent("b", entry.clone()).await.is_err());
            assert!(!full.put_if_absent("a", entry.clone()).await.unwrap());
        }
    }
}
