//! The logs of the in-process store.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::log::{
    ENTRY_OVERHEAD, Extent, FORGOTTEN_AFTER, LOG_BYTES, LOG_ENTRIES, LogEntry, LogRead,
    READ_ENTRIES, check_size, first_position,
};
use super::{StoreEntry, milliseconds, now};

/// The most logs.
const LOGS: usize = 1_000;

/// Logs with at most this many entries and bytes together.
#[derive(Debug)]
pub(super) struct Logs {
    entries: usize,
    bytes: usize,
    used_entries: usize,
    used_bytes: usize,
    by_name: HashMap<Box<str>, Log>,
}

#[derive(Debug)]
struct Log {
    extent: Extent,
    entries: VecDeque<Kept>,
    bytes: usize,
    /// The time when the last entry expires, in milliseconds since 1970.
    expires: u64,
}

#[derive(Debug)]
struct Kept {
    position: u64,
    expires: u64,
    value: Box<[u8]>,
}

impl Kept {
    fn bytes(&self) -> usize {
        ENTRY_OVERHEAD + self.value.len()
    }
}

impl Logs {
    pub(super) fn new(entries: usize, bytes: usize) -> Self {
        Self {
            entries,
            bytes,
            used_entries: 0,
            used_bytes: 0,
            by_name: HashMap::new(),
        }
    }

    pub(super) fn append(&mut self, name: &str, entry: StoreEntry<'_>) -> Result<u64, String> {
        check_size(entry.value)?;
        let now = now();
        if !self.by_name.contains_key(name) {
            self.forget(now, FORGOTTEN_AFTER);
            if self.by_name.len() >= LOGS {
                // Logs that have no entries any more are forgotten for those that do.
                self.forget(now, Duration::ZERO);
            }
            if self.by_name.len() >= LOGS {
                return Err(format!("the store has {LOGS} logs, and all are in use"));
            }
        }
        let bytes = ENTRY_OVERHEAD + entry.value.len();
        let fits = |(entries, space): (usize, usize)| entries > 0 && bytes <= space;
        if !fits(self.space(name)) {
            self.drop_expired(now);
        }
        let (entries, space) = self.space(name);
        if !fits((entries, space)) {
            return Err(format!(
                "the logs of the store are full: they hold {} entries of {} bytes",
                self.used_entries, self.used_bytes
            ));
        }
        let log = self.by_name.entry(name.into()).or_insert_with(Log::new);
        let new = Kept {
            position: log.extent.last + 1,
            expires: now.saturating_add(milliseconds(entry.time_to_live)),
            value: entry.value.into(),
        };
        let before = (log.entries.len(), log.bytes);
        log.drop_old(now, entries.min(LOG_ENTRIES), space.min(LOG_BYTES), bytes);
        log.extent.last = new.position;
        log.expires = log.expires.max(new.expires);
        log.bytes += bytes;
        log.entries.push_back(new);
        self.used_entries = self.used_entries - before.0 + log.entries.len();
        self.used_bytes = self.used_bytes - before.1 + log.bytes;
        Ok(log.extent.last)
    }

    pub(super) fn read(&self, name: &str, after: u64) -> LogRead {
        let Some(log) = self.by_name.get(name) else {
            return LogRead::new(Vec::new(), after, false);
        };
        let base = log.extent.base(after);
        let first = log.entries.partition_point(|entry| entry.position <= base);
        let read = log.entries.range(first..).take(READ_ENTRIES);
        let position = match read.clone().next_back() {
            Some(entry) if read.len() == READ_ENTRIES => entry.position,
            _ => log.extent.last,
        };
        let now = now();
        let entries = read
            .filter(|entry| entry.expires > now)
            .map(|entry| LogEntry::new(entry.position, entry.value.to_vec()))
            .collect();
        log.extent.read(after, entries, position)
    }

    pub(super) fn last(&self, name: &str) -> u64 {
        self.by_name.get(name).map_or(0, |log| log.extent.last)
    }

    /// Returns the entries and the bytes that a log may have. What other logs hold is not dropped for it.
    fn space(&self, name: &str) -> (usize, usize) {
        let log = self.by_name.get(name);
        let (entries, bytes) = log.map_or((0, 0), |log| (log.entries.len(), log.bytes));
        (
            self.entries - (self.used_entries - entries),
            self.bytes - (self.used_bytes - bytes),
        )
    }

    /// Drops the oldest entries of all logs as far as they have expired.
    fn drop_expired(&mut self, now: u64) {
        for log in self.by_name.values_mut() {
            log.drop_old(now, usize::MAX, usize::MAX, 0);
        }
        self.used_entries = self.by_name.values().map(|log| log.entries.len()).sum();
        self.used_bytes = self.by_name.values().map(|log| log.bytes).sum();
    }

    /// Forgets the logs whose entries have all expired for this time.
    fn forget(&mut self, now: u64, after: Duration) {
        self.by_name.retain(|_, log| {
            let keep = log.expires.saturating_add(milliseconds(after)) > now;
            if !keep {
                self.used_entries -= log.entries.len();
                self.used_bytes -= log.bytes;
            }
            keep
        });
    }
}

impl Log {
    fn new() -> Self {
        let start = first_position();
        Self {
            extent: Extent { start, last: start },
            entries: VecDeque::new(),
            bytes: 0,
            expires: 0,
        }
    }

    /// Drops the oldest entries until none of them has expired, and one more with `more` bytes fits into the limits.
    fn drop_old(&mut self, now: u64, entries: usize, bytes: usize, more: usize) {
        while let Some(oldest) = self.entries.front() {
            let fits = self.entries.len() < entries && self.bytes + more <= bytes;
            if fits && oldest.expires > now {
                break;
            }
            self.bytes -= oldest.bytes();
            self.entries.pop_front();
        }
    }
}
