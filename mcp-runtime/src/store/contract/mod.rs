//! The contract of stores, which checks any of them.

mod logs;
mod step;
mod values;

use self::step::Contract;
use super::Store;

/// Checks a store against the documentation of [`Store`], and returns what it violates: nothing, if the store is right.
///
/// It covers absent, binary and large values, keys of 100 bytes, expiry, races of 32 concurrent calls, and the order, the expiry,
/// the waiting and the cancellation of logs. It needs a multi-threaded runtime for real races, space for 2 MiB of values and as much
/// of logs, and a few seconds. Keys and logs have random names, so the store may contain other data. What the check leaves behind
/// expires within ten minutes.
///
/// ```
/// use mcp_runtime::{MemoryStore, check_store};
///
/// # #[tokio::main]
/// # async fn main() {
/// assert_eq!(check_store(MemoryStore::default()).await, Vec::<String>::new());
/// # }
/// ```
pub async fn check_store(store: impl Store) -> Vec<String> {
    let mut contract = Contract::new(store);
    contract.step("values", values::check).await;
    contract.step("expiry of values", values::expiry).await;
    contract.step("races", values::races).await;
    contract.step("logs", logs::order).await;
    contract.step("long logs", logs::batches).await;
    contract.step("waiting readers", logs::waiting).await;
    contract.step("concurrent appends", logs::concurrent).await;
    contract.step("expiry of entries", logs::expiry).await;
    contract.violations
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{LogEntry, LogRead, MemoryStore, StoreEntry, StoreFuture};
    use super::step::LONG;
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_memory_store_satisfies_the_contract() {
        let violations = check_store(MemoryStore::default()).await;
        assert_eq!(violations, Vec::<String>::new());
    }

    /// A way to be wrong.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Wrong {
        PutsTwice,
        ReplacesAnything,
        ForgetsNothing,
        CutsAtZero,
        RepeatsEntries,
        HidesGaps,
    }

    /// A store that is wrong in one way.
    struct Faulty(MemoryStore, Wrong);

    impl Store for Faulty {
        fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
            Box::pin(async move {
                let mut value = self.0.get(key).await?;
                if self.1 == Wrong::CutsAtZero
                    && let Some(value) = &mut value
                {
                    let end = value.iter().position(|byte| *byte == 0);
                    value.truncate(end.unwrap_or(value.len()));
                }
                Ok(value)
            })
        }

        fn put_if_absent<'a>(
            &'a self,
            key: &'a str,
            mut entry: StoreEntry<'a>,
        ) -> StoreFuture<'a, bool> {
            Box::pin(async move {
                if self.1 == Wrong::ForgetsNothing {
                    entry.time_to_live = LONG;
                }
                Ok(self.0.put_if_absent(key, entry).await? || self.1 == Wrong::PutsTwice)
            })
        }

        fn replace<'a>(
            &'a self,
            key: &'a str,
            old: &'a [u8],
            entry: StoreEntry<'a>,
        ) -> StoreFuture<'a, bool> {
            Box::pin(async move {
                let done = self.0.replace(key, old, entry).await?;
                Ok(done || self.1 == Wrong::ReplacesAnything)
            })
        }

        fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
            self.0.remove(key)
        }

        fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
            self.0.append(log, entry)
        }

        fn read_after<'a>(
            &'a self,
            log: &'a str,
            after: u64,
            wait: Duration,
        ) -> StoreFuture<'a, LogRead> {
            Box::pin(async move {
                let mut read = self.0.read_after(log, after, wait).await?;
                match (self.1, read.entries.first().cloned()) {
                    (Wrong::RepeatsEntries, Some(LogEntry { position, value })) => {
                        read.entries.insert(0, LogEntry::new(position, value));
                    }
                    (Wrong::HidesGaps, _) => read.missed = false,
                    _ => {}
                }
                Ok(read)
            })
        }

        fn last_position<'a>(&'a self, log: &'a str) -> StoreFuture<'a, u64> {
            self.0.last_position(log)
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_is_wrong_violates_the_contract() {
        for (wrong, step) in [
            (Wrong::PutsTwice, "put_if_absent of a key that exists"),
            (Wrong::ReplacesAnything, "replace of another value"),
            (Wrong::ForgetsNothing, "get of an expired value"),
            (Wrong::CutsAtZero, "get of a binary value"),
            (Wrong::RepeatsEntries, "read_after the start"),
            (Wrong::HidesGaps, "read_after an expired entry"),
        ] {
            let violations = check_store(Faulty(MemoryStore::default(), wrong)).await;
            let found = violations.iter().any(|violation| violation.contains(step));
            assert!(found, "{wrong:?}: {violations:#?}");
        }
    }
}
