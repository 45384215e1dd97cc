//! The timer of a response that waits for a call. It is created late, because most calls end before.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::in_flight::PATIENCE;

/// The remaining time from which on the timer is created at once: a call wakes its task after twice [`PATIENCE`] at most.
const SOON: Duration = PATIENCE.saturating_mul(3);

/// A timer.
pub(super) struct LateTimer {
    begin: Instant,
    limit: Duration,
    /// `true` if a call wakes this task after [`PATIENCE`]: see [`Pending`](crate::service::Pending).
    is_woken: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl LateTimer {
    /// Returns a timer that starts now.
    pub(super) fn new(limit: Duration, is_woken: bool) -> Self {
        Self {
            begin: Instant::now(),
            limit,
            is_woken,
            timer: None,
        }
    }

    /// Returns `Ready` when the time has elapsed.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = &mut self.timer {
            return timer.as_mut().poll(context);
        }
        let elapsed = self.begin.elapsed();
        let left = self.limit.saturating_sub(elapsed);
        // The call has begun to wait a little earlier.
        if self.is_woken && elapsed < PATIENCE / 2 && left > SOON {
            return Poll::Pending;
        }
        let timer = self.timer.insert(Box::pin(sleep(left)));
        timer.as_mut().poll(context)
    }
}
