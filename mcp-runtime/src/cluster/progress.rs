//! How far a replica has read the log of events.

use std::sync::atomic::{AtomicU64, Ordering};

/// The positions of the event that is passed on to the members, and of the last one that all of them have.
pub(super) struct Progress {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Progress {
    /// A replica that reads the log from a position on.
    pub(super) fn new(begin: u64) -> Self {
        Self {
            begun: AtomicU64::new(begin),
            ended: AtomicU64::new(begin),
        }
    }

    /// Records that the event at this position is being passed on.
    pub(super) fn begins(&self, position: u64) {
        self.begun.store(position, Ordering::SeqCst);
    }

    /// Records that all members have the events up to this position.
    pub(super) fn ends(&self, position: u64) {
        self.ended.store(position, Ordering::SeqCst);
    }

    /// Returns the position from which the replica began to read.
    pub(super) fn begin(&self) -> u64 {
        self.ended.load(Ordering::SeqCst)
    }

    /// Returns the position up to which all members have the events, or `None` while one is being passed on.
    #[cfg(feature = "http")]
    pub(super) fn settled(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::SeqCst);
        (self.begun.load(Ordering::SeqCst) == ended).then_some(ended)
    }
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_is_being_passed_on_is_noticed() {
        let progress = Progress::new(3);
        assert_eq!(progress.settled(), Some(3));
        progress.begins(4);
        assert_eq!(progress.settled(), None);
        progress.ends(4);
        assert_eq!((progress.settled(), progress.begin()), (Some(4), 4));
    }
}
