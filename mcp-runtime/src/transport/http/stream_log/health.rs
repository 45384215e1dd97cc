//! The time limits of the logs of streams, and whether the store takes them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The time that the store keeps an event of a stream, and that a follower waits for the next entry.
pub(super) const RETENTION: Duration = Duration::from_secs(5 * 60);

/// The time without entries after which one says that the stream still exists.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2 * 60);

/// The time limit of one operation of the store.
pub(super) const STORE_TIMEOUT: Duration = Duration::from_secs(15);

/// The state of a store as its writers see it, so that a failure is logged once.
#[derive(Default)]
pub(super) struct Health {
    fails: AtomicBool,
}

impl Health {
    pub(super) fn is_well(&self) {
        self.fails.store(false, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, error: &(dyn std::error::Error + Send + Sync)) {
        if !self.fails.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %error,
                "the store of the cluster does not take the events of streams: clients cannot resume them at other replicas until it does"
            );
        }
    }
}
