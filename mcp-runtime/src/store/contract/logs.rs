//! The contract of logs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::step::{Contract, EXPIRED, RACERS, SHORT, SOON, Step, entry, race};
use crate::store::log::{ENTRY_BYTES, LogRead};
use crate::store::{LogEntry, Store, StoreEntry};

const NO_WAIT: Duration = Duration::ZERO;

pub(super) async fn order(contract: &mut Contract) -> Step {
    let store = Arc::clone(&contract.store);
    let [log, other] = ["log", "other"].map(|name| contract.name(name));
    let last = store.last_position(&log).await?;
    contract.compare("last_position of a new log", last, 0);
    let read = store.read_after(&log, 0, NO_WAIT).await?;
    let nothing = LogRead::new(Vec::new(), 0, false);
    contract.compare("read_after of a new log", read, nothing);
    let mut appended = Vec::new();
    for value in [&b"a"[..], b"", b"\0\xff"] {
        let position = store.append(&log, entry(value)).await?;
        appended.push(LogEntry::new(position, value.to_vec()));
    }
    store.append(&other, entry(b"other")).await?;
    let positions: Vec<u64> = appended.iter().map(|entry| entry.position).collect();
    let consecutive = vec![positions[0], positions[0] + 1, positions[0] + 2];
    contract.compare(
        "the positions of three entries",
        positions.clone(),
        consecutive,
    );
    let last = store.last_position(&log).await?;
    contract.compare("last_position", last, positions[2]);
    let read = store.read_after(&log, 0, NO_WAIT).await?;
    let all = LogRead::new(appended.clone(), positions[2], false);
    contract.compare("read_after the start", read, all);
    let read = store.read_after(&log, positions[0], NO_WAIT).await?;
    let rest = LogRead::new(appended[1..].to_vec(), positions[2], false);
    contract.compare("read_after the first entry", read, rest);
    let read = store.read_after(&log, positions[2], NO_WAIT).await?;
    let nothing = LogRead::new(Vec::new(), positions[2], false);
    contract.compare("read_after the last entry", read, nothing);
    let read = store.read_after(&log, positions[2] + 10, NO_WAIT).await?;
    contract.compare(
        "read_after a position that does not exist: missed",
        read.missed,
        true,
    );
    let large = vec![1; ENTRY_BYTES];
    store.append(&log, entry(&large)).await?;
    let too_large = store.append(&log, entry(&[large, vec![1]].concat())).await;
    contract.compare(
        "append of more than 64 KiB: fails",
        too_large.is_err(),
        true,
    );
    Ok(())
}

/// A log with more entries than one call returns.
pub(super) async fn batches(contract: &mut Contract) -> Step {
    let store = Arc::clone(&contract.store);
    let log = contract.name("long");
    let mut appended = Vec::new();
    for number in 0..300 {
        let value = number.to_string();
        appended.push(store.append(&log, entry(value.as_bytes())).await?);
    }
    contract.compare_positions(&log, &appended).await
}

pub(super) async fn waiting(contract: &mut Contract) -> Step {
    let store = Arc::clone(&contract.store);
    let log = contract.name("waiting");
    // One reader waits for a log that does not exist yet.
    let mut position = 0;
    for round in 0..3 {
        let reader = |store: Arc<dyn Store>, log: String| async move {
            store.read_after(&log, position, SOON).await
        };
        let waiting = tokio::spawn(reader(Arc::clone(&store), log.clone()));
        let dropped = timeout(
            Duration::from_millis(100),
            reader(Arc::clone(&store), log.clone()),
        );
        let is_waiting = dropped.await.is_err();
        contract.compare("read_after of an empty log: waits", is_waiting, true);
        let value = format!("{round}").into_bytes();
        let appended = store.append(&log, entry(&value)).await?;
        let expected = LogRead::new(vec![LogEntry::new(appended, value)], appended, false);
        let woken = timeout(SOON / 2, waiting).await;
        let is_woken = woken.is_ok();
        contract.compare("append: ends the wait of a reader", is_woken, true);
        if let Ok(read) = woken {
            contract.compare("read_after that waited", read??, expected.clone());
        }
        let again = store.read_after(&log, position, SOON).await?;
        contract.compare("read_after that was dropped, again", again, expected);
        position = appended;
    }
    let read = store.read_after(&log, position, Duration::from_millis(200));
    let read = timeout(SOON / 2, read)
        .await
        .map_err(|_| "read_after: waits longer than it may")??;
    let nothing = LogRead::new(Vec::new(), position, false);
    contract.compare("read_after without an entry in time", read, nothing);
    Ok(())
}

pub(super) async fn concurrent(contract: &mut Contract) -> Step {
    const EACH: usize = 8;
    let store = Arc::clone(&contract.store);
    let log = contract.name("concurrent");
    let reader = {
        let (store, log) = (Arc::clone(&store), log.clone());
        tokio::spawn(async move { read_all(&store, &log, RACERS * EACH).await })
    };
    let positions = race(|number| {
        let (store, log) = (Arc::clone(&store), log.clone());
        async move {
            let mut positions = Vec::new();
            for _ in 0..EACH {
                let value = number.to_string();
                positions.push(store.append(&log, entry(value.as_bytes())).await?);
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(positions)
        }
    });
    let mut appended = Vec::new();
    for positions in positions.await? {
        appended.extend(positions?);
    }
    appended.sort_unstable();
    let first = appended.first().copied().unwrap_or_default();
    let consecutive: Vec<u64> = (first..).take(appended.len()).collect();
    contract.compare(
        "the positions of concurrent appends",
        &appended,
        &consecutive,
    );
    let read = reader.await??;
    contract.compare("a reader during concurrent appends", &read, &appended);
    contract.compare_positions(&log, &appended).await
}

pub(super) async fn expiry(contract: &mut Contract) -> Step {
    let store = Arc::clone(&contract.store);
    let log = contract.name("expiring");
    let first = store.append(&log, StoreEntry::new(b"1", SHORT)).await?;
    sleep(EXPIRED).await;
    let last = store.last_position(&log).await?;
    contract.compare("last_position after an entry expired", last, first);
    let read = store.read_after(&log, 0, NO_WAIT).await?;
    let missed = LogRead::new(Vec::new(), first, true);
    contract.compare("read_after an expired entry", read, missed);
    let second = store.append(&log, entry(b"2")).await?;
    contract.compare("the position after an expired entry", second, first + 1);
    let read = store.read_after(&log, first, NO_WAIT).await?;
    let kept = vec![LogEntry::new(second, b"2".to_vec())];
    contract.compare(
        "read_after the expired entry",
        read,
        LogRead::new(kept, second, false),
    );
    Ok(())
}

impl Contract {
    /// Checks that the entries of a log are at these positions.
    async fn compare_positions(&mut self, log: &str, positions: &[u64]) -> Step {
        let store = Arc::clone(&self.store);
        let read = read_all(&store, log, positions.len()).await?;
        self.compare("all entries of a log", &read[..], positions);
        Ok(())
    }
}

/// Returns the positions of this many entries, or of those that arrive in time.
async fn read_all(
    store: &Arc<dyn Store>,
    log: &str,
    count: usize,
) -> Result<Vec<u64>, Box<dyn std::error::Error + Send + Sync>> {
    let (mut positions, mut after) = (Vec::new(), 0);
    while positions.len() < count {
        let read = store.read_after(log, after, SOON).await?;
        if read.entries.is_empty() || read.missed {
            break;
        }
        positions.extend(read.entries.iter().map(|entry| entry.position));
        after = read.position;
    }
    Ok(positions)
}
