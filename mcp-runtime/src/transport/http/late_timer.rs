//! The timer of a response that waits for a call. It is created late, because most calls end before.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::service::LONG_WAIT;

/// The limit up to which the timer is created at once: a call wakes its task after twice [`LONG_WAIT`] at most.
const SHORT: Duration = LONG_WAIT.saturating_mul(3);

/// A timer of the task of a call, which wakes it after [`LONG_WAIT`]: see [`Pending`](crate::service::Pending).
pub(super) struct LateTimer {
    begin: Instant,
    limit: Duration,
    /// `true` before the first poll.
    is_new: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl LateTimer {
    /// Returns a timer that starts now.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            begin: Instant::now(),
            limit,
            is_new: true,
            timer: None,
        }
    }

    /// Returns `Ready` when the time has elapsed.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = &mut self.timer {
            return timer.as_mut().poll(context);
        }
        let is_new = std::mem::replace(&mut self.is_new, false);
        if is_new && self.limit > SHORT {
            return Poll::Pending;
        }
        let elapsed = self.begin.elapsed();
        // The call has begun to wait a little earlier.
        if elapsed < LONG_WAIT / 2 && self.limit > SHORT {
            return Poll::Pending;
        }
        let timer = Box::pin(sleep(self.limit.saturating_sub(elapsed)));
        self.timer.insert(timer).as_mut().poll(context)
    }
}
