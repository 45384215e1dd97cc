//! When a connection is overdue: its header too slow, idle too long, or its peer taking nothing of what it is sent.
//!
//! hyper's own header timeout also ticks while a connection is idle between requests, so that the two limits could
//! not differ. Here, the first byte that arrives between requests is where the header begins.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::{Mutex, MutexGuard};

/// The longest time between two looks at the timeouts. It only matters for limits that are longer.
const LONGEST_NAP: Duration = Duration::from_secs(30);
/// The shortest, so that limits of zero do not become a busy loop.
const SHORTEST_NAP: Duration = Duration::from_millis(5);

/// What a connection is doing, and since when.
#[derive(Debug)]
pub(super) struct ConnectionTimeouts {
    header: Duration,
    idle: Duration,
    state: Mutex<Activity>,
}

#[derive(Debug)]
struct Activity {
    phase: Phase,
    /// Since when the peer takes nothing.
    stalled: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// The last response is on its way or sent, and nothing came since.
    Idle(Instant),
    /// A header is arriving.
    Header(Instant),
    /// A request is being served.
    Busy,
}

impl ConnectionTimeouts {
    /// The timeouts of a new connection, from which a header is expected at once.
    pub(super) fn new(header: Duration, idle: Duration) -> Self {
        Self {
            header,
            idle,
            state: Mutex::new(Activity {
                phase: Phase::Header(Instant::now()),
                stalled: None,
            }),
        }
    }

    /// Bytes arrived.
    pub(super) fn received(&self) {
        let mut state = self.lock();
        if let Phase::Idle(_) = state.phase {
            state.phase = Phase::Header(Instant::now());
        }
    }

    /// Bytes were to be sent, and the peer had room for them or not.
    pub(super) fn sent(&self, taken: bool) {
        let mut state = self.lock();
        if !taken {
            state.stalled.get_or_insert_with(Instant::now);
            return;
        }
        state.stalled = None;
        // The end of a long response may still be on its way when all of it has been handed over.
        if let Phase::Idle(since) = &mut state.phase {
            *since = Instant::now();
        }
    }

    /// A request is being served until the returned value is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> BusyGuard {
        self.lock().phase = Phase::Busy;
        BusyGuard(Arc::clone(self))
    }

    /// Resolves when the connection is overdue.
    ///
    /// One timer for the whole life of a connection: it looks at least as often as the shortest limit, so that
    /// whatever begins in between is still found in time.
    pub(super) async fn overdue(&self) {
        let nap = self.header.min(self.idle).clamp(SHORTEST_NAP, LONGEST_NAP);
        loop {
            let now = Instant::now();
            let next = match self.deadline() {
                Some(deadline) if deadline <= now => return,
                Some(deadline) => deadline.min(now + nap),
                None => now + nap,
            };
            tokio::time::sleep_until(next).await;
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let state = self.lock();
        let phase = match state.phase {
            Phase::Idle(since) => since.checked_add(self.idle),
            Phase::Header(since) => since.checked_add(self.header),
            Phase::Busy => None,
        };
        let stalled = state.stalled.and_then(|since| since.checked_add(self.idle));
        phase.into_iter().chain(stalled).min()
    }

    fn lock(&self) -> MutexGuard<'_, Activity> {
        self.state.lock()
    }
}

/// A request that is being served.
#[derive(Debug)]
pub(super) struct BusyGuard(Arc<ConnectionTimeouts>);

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.lock().phase = Phase::Idle(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_busy_connection_is_looked_at_and_not_overdue() {
        let timeouts = Arc::new(ConnectionTimeouts::new(
            Duration::from_secs(1),
            Duration::from_secs(2),
        ));
        let busy = timeouts.busy();
        let late = tokio::time::timeout(Duration::from_secs(60), timeouts.overdue()).await;
        assert!(late.is_err());
        drop(busy);
        let begin = Instant::now();
        timeouts.overdue().await;
        assert!((2..3).contains(&begin.elapsed().as_secs()));
    }
}
