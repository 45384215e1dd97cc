//! The timeouts of a connection: a header that arrives too slowly, an idle connection, and a peer that reads nothing.
//!
//! hyper's own header timeout also runs while a connection is idle between requests, so that the two limits could not
//! differ. Here, the time of a header starts with the first byte that arrives between requests.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::service::Limits;
use crate::sync::{Mutex, MutexGuard};

/// The longest interval between two checks of the timeouts. It only affects limits that are longer.
const MAX_INTERVAL: Duration = Duration::from_secs(30);
/// The shortest interval, so that limits of zero do not cause a busy loop.
const MIN_INTERVAL: Duration = Duration::from_millis(5);

/// The timeouts of a connection, and its current activity.
#[derive(Debug)]
pub(super) struct ConnectionTimeouts {
    header: Duration,
    idle: Duration,
    write: Duration,
    state: Mutex<Activity>,
    /// The task of the connection.
    task: OnceLock<AbortHandle>,
}

#[derive(Debug)]
struct Activity {
    phase: Phase,
    /// The time since which the peer accepts no bytes.
    stalled: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// The last response is being sent or was sent, and no byte has arrived since.
    Idle(Instant),
    /// A header is arriving.
    Header(Instant),
    /// A request is being served.
    Busy,
}

impl ConnectionTimeouts {
    /// Creates the timeouts of a new connection, on which a header is expected immediately.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            header: limits.header_timeout,
            idle: limits.idle_timeout,
            write: limits.write_timeout,
            state: Mutex::new(Activity {
                phase: Phase::Header(Instant::now()),
                stalled: None,
            }),
            task: OnceLock::new(),
        }
    }

    /// Records that bytes arrived.
    pub(super) fn received(&self) {
        let mut state = self.lock();
        if let Phase::Idle(_) = state.phase {
            state.phase = Phase::Header(Instant::now());
        }
    }

    /// Records a write, and whether the peer accepted bytes.
    pub(super) fn sent(&self, accepted: bool) {
        let mut state = self.lock();
        if !accepted {
            state.stalled.get_or_insert_with(Instant::now);
            return;
        }
        state.stalled = None;
        // The end of a long response may still be in transit after the last write.
        if let Phase::Idle(since) = &mut state.phase {
            *since = Instant::now();
        }
    }

    /// Records that a request is being served until the returned guard is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> BusyGuard {
        self.lock().phase = Phase::Busy;
        BusyGuard(Arc::clone(self))
    }

    /// Returns `true` while a request is being served.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.lock().phase, Phase::Busy)
    }

    /// Returns the time since which the connection waits for its client; `None` while a request is being served.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        match self.lock().phase {
            Phase::Idle(since) | Phase::Header(since) => Some(since),
            Phase::Busy => None,
        }
    }

    /// Sets the task that [`ConnectionTimeouts::evict`] ends.
    pub(super) fn set_task(&self, task: AbortHandle) {
        // A connection has one task.
        let _ = self.task.set(task);
    }

    /// Ends the connection, because others need its file descriptor.
    pub(super) fn evict(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    /// Resolves when a timeout of the connection has expired.
    ///
    /// There is one timer for the whole life of a connection. Its interval is at most the shortest limit, so that a phase that
    /// starts between two checks still ends in time.
    pub(super) async fn expired(&self) {
        let shortest = self.header.min(self.idle).min(self.write);
        let interval = shortest.clamp(MIN_INTERVAL, MAX_INTERVAL);
        loop {
            let now = Instant::now();
            let next = match self.deadline() {
                Some(deadline) if deadline <= now => return,
                Some(deadline) => deadline.min(now + interval),
                None => now + interval,
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
        let stalled = state
            .stalled
            .and_then(|since| since.checked_add(self.write));
        phase.into_iter().chain(stalled).min()
    }

    fn lock(&self) -> MutexGuard<'_, Activity> {
        self.state.lock()
    }
}

/// A guard that marks its connection as busy while a request is being served.
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
        let timeouts = Arc::new(ConnectionTimeouts::new(&Limits {
            header_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(2),
            ..Limits::default()
        }));
        let busy = timeouts.busy();
        let late = tokio::time::timeout(Duration::from_secs(60), timeouts.expired()).await;
        assert!(late.is_err());
        drop(busy);
        let begin = Instant::now();
        timeouts.expired().await;
        assert!((2..3).contains(&begin.elapsed().as_secs()));
    }
}
