//! The entries of logs, and the rules about them that all stores share.

use std::time::Duration;

use super::now;

/// The most bytes of one entry.
pub(super) const ENTRY_BYTES: usize = 64 << 10;

/// The most entries of one log.
pub(super) const LOG_ENTRIES: usize = 10_000;

/// The most bytes of one log, with [`ENTRY_OVERHEAD`] for each entry.
pub(super) const LOG_BYTES: usize = 16 << 20;

/// The size of an entry besides its value.
pub(super) const ENTRY_OVERHEAD: usize = 64;

/// The most entries that one call reads.
pub(super) const READ_ENTRIES: usize = 256;

/// The time for which a log is known after its last entry has expired. Later, its readers are told that they may have missed entries.
pub(super) const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What [`Store::read_after`](crate::Store::read_after) returns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogRead {
    /// The entries, the oldest first.
    pub entries: Vec<LogEntry>,
    /// The position after which the next call continues.
    pub position: u64,
    /// Whether entries between the position of the call and [`LogRead::position`] are not among [`LogRead::entries`]: they have expired,
    /// the log dropped them for newer ones, or the store has lost them.
    pub missed: bool,
}

impl LogRead {
    /// Returns what a call has read.
    pub fn new(entries: Vec<LogEntry>, position: u64, missed: bool) -> Self {
        Self {
            entries,
            position,
            missed,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.missed
    }
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// The position of the entry.
    pub position: u64,
    /// The value of the entry.
    pub value: Vec<u8>,
}

impl LogEntry {
    /// Returns an entry at this position.
    pub fn new(position: u64, value: Vec<u8>) -> Self {
        Self { position, value }
    }
}

/// The positions of a log that exists.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// The position before the first entry.
    pub(super) start: u64,
    /// The position of the last entry.
    pub(super) last: u64,
}

impl Extent {
    /// Returns the position after which a call reads that asks for entries after `after`: the start, if `after` is not in this log.
    pub(super) fn base(self, after: u64) -> u64 {
        if (self.start..=self.last).contains(&after) {
            after
        } else {
            self.start
        }
    }

    /// Returns what a call has read up to a position.
    pub(super) fn read(self, after: u64, entries: Vec<LogEntry>, position: u64) -> LogRead {
        let base = self.base(after);
        let is_complete = position - base == entries.len() as u64;
        LogRead {
            entries,
            position,
            missed: !is_complete || (after != 0 && base != after),
        }
    }
}

/// Returns the position before the first entry of a new log. The microseconds since 1970 are greater than any position that an
/// earlier log of this name had, unless it had a million entries in a second.
pub(super) fn first_position() -> u64 {
    now().saturating_mul(1_000)
}

/// Refuses an entry that is too large.
pub(super) fn check_size(value: &[u8]) -> Result<(), String> {
    if value.len() <= ENTRY_BYTES {
        return Ok(());
    }
    Err(format!(
        "an entry of a log has at most {ENTRY_BYTES} bytes, and this one has {}; put the value under a key, and append the key",
        value.len()
    ))
}
