//! The running timeout of a call. The time that the client takes to answer questions does not count.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::service::{LONG_WAIT, Timeout};

/// The limit up to which a timer is needed at once: others are deferred for twice [`LONG_WAIT`] at most.
const SHORT: Duration = LONG_WAIT.saturating_mul(3);

/// The timeout of a call that waits.
pub(super) struct RunningTimeout {
    timeout: Timeout,
    /// The time that the call had run before `since`.
    ran: Duration,
    /// The start of the running period; `None` while the timeout is paused.
    since: Option<Instant>,
    /// The running time at the last progress, if any was reported.
    progress: Option<Duration>,
    /// The timer. It may fire too early, because progress only moves the deadline.
    timer: Option<Pin<Box<Sleep>>>,
}

/// The part of a timeout that a call exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// The call took longer than this.
    Total(Duration),
    /// The call has reported progress, but none for this time.
    Idle(Duration),
}

impl Exceeded {
    /// Returns the exceeded time.
    pub(super) fn time(self) -> Duration {
        match self {
            Self::Total(time) | Self::Idle(time) => time,
        }
    }
}

impl RunningTimeout {
    /// Returns a timeout that starts now.
    pub(super) fn begin(timeout: Timeout) -> Self {
        Self {
            timeout,
            ran: Duration::ZERO,
            since: Some(Instant::now()),
            progress: None,
            timer: None,
        }
    }

    /// Returns the exceeded time when it has elapsed. The timeout is paused while the call `asks` its client, and extended
    /// by the last `progress` since the last poll, which a handler on a thread reports between polls. It must be polled after
    /// each poll of the handler, because a question is asked or answered during such a poll. If the timer `is_deferred`, this is
    /// polled again after [`LONG_WAIT`].
    pub(super) fn poll(
        &mut self,
        asks: bool,
        progress: Option<Instant>,
        is_deferred: bool,
        context: &mut Context<'_>,
    ) -> Poll<Exceeded> {
        if let Some(time) = progress {
            self.progress = Some(self.running_at(time));
        }
        if asks {
            self.pause();
            return Poll::Pending;
        }
        self.since.get_or_insert_with(Instant::now);
        if is_deferred && self.timeout.limit > SHORT {
            return Poll::Pending;
        }
        loop {
            let progress = self.progress.unwrap_or_default();
            let idle = progress.saturating_add(self.timeout.limit);
            let left = idle
                .min(self.timeout.longest)
                .saturating_sub(self.running_at(Instant::now()));
            if left.is_zero() {
                return Poll::Ready(self.exceeded(idle));
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(left)));
            ready!(timer.as_mut().poll(context));
            self.timer = None;
        }
    }

    /// Returns the time that the call had run at this moment, in the running period or in the pause before it.
    fn running_at(&self, time: Instant) -> Duration {
        let since = self
            .since
            .map(|since| time.saturating_duration_since(since));
        self.ran.saturating_add(since.unwrap_or_default())
    }

    fn exceeded(&self, idle: Duration) -> Exceeded {
        if self.progress.is_none() || idle >= self.timeout.longest {
            Exceeded::Total(idle.min(self.timeout.longest))
        } else {
            Exceeded::Idle(self.timeout.limit)
        }
    }

    fn pause(&mut self) {
        self.ran = self.running_at(Instant::now());
        self.since = None;
        self.timer = None;
    }
}

/// Formats a duration with its unit: `30 s`, `250 ms`.
pub(super) fn in_words(limit: Duration) -> String {
    if limit.subsec_nanos() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_secs_f64() * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_limit_is_written_in_its_unit() {
        assert_eq!(in_words(Duration::from_secs(30)), "30 s");
        assert_eq!(in_words(Duration::from_millis(1500)), "1500 ms");
        assert_eq!(in_words(Duration::from_micros(250)), "0.25 ms");
    }

    const SECOND: Duration = Duration::from_secs(1);

    async fn poll(timeout: &mut RunningTimeout, asks: bool, progressed: bool) -> Poll<Exceeded> {
        poll_after(timeout, asks, progressed.then(Instant::now)).await
    }

    async fn poll_after(
        timeout: &mut RunningTimeout,
        asks: bool,
        progress: Option<Instant>,
    ) -> Poll<Exceeded> {
        let mut task = Context::from_waker(Waker::noop());
        let polled = timeout.poll(asks, progress, false, &mut task);
        tokio::task::yield_now().await;
        polled
    }

    #[tokio::test(start_paused = true)]
    async fn time_stands_still_while_the_client_is_asked() {
        let mut timeout = RunningTimeout::begin(Timeout::new(10 * SECOND));
        tokio::time::advance(6 * SECOND).await;
        assert!(poll(&mut timeout, true, false).await.is_pending());
        tokio::time::advance(100 * SECOND).await;
        assert!(poll(&mut timeout, false, false).await.is_pending());
        tokio::time::advance(3 * SECOND).await;
        assert!(poll(&mut timeout, false, false).await.is_pending());
        tokio::time::advance(2 * SECOND).await;
        let polled = poll(&mut timeout, false, false).await;
        assert_eq!(polled, Poll::Ready(Exceeded::Total(10 * SECOND)));
    }

    #[tokio::test(start_paused = true)]
    async fn progress_extends_the_limit_up_to_the_longest_time() {
        let of = || RunningTimeout::begin(Timeout::new(10 * SECOND).extended_to(35 * SECOND));
        let (mut steady, mut stuck) = (of(), of());
        for second in [8, 16, 24, 32] {
            tokio::time::advance(8 * SECOND).await;
            assert!(
                poll(&mut steady, false, true).await.is_pending(),
                "{second}"
            );
            if second == 8 {
                assert!(poll(&mut stuck, false, true).await.is_pending());
            }
        }
        let idle = Poll::Ready(Exceeded::Idle(10 * SECOND));
        assert_eq!(poll(&mut stuck, false, false).await, idle);
        tokio::time::advance(4 * SECOND).await;
        let total = Poll::Ready(Exceeded::Total(35 * SECOND));
        assert_eq!(poll(&mut steady, false, true).await, total);
    }

    #[tokio::test(start_paused = true)]
    async fn progress_counts_from_its_time_and_not_from_the_next_poll() {
        let of = || RunningTimeout::begin(Timeout::new(10 * SECOND).extended_to(35 * SECOND));
        let (mut running, mut paused) = (of(), of());
        tokio::time::advance(6 * SECOND).await;
        let progress = Some(Instant::now());
        assert!(poll(&mut paused, true, true).await.is_pending());
        tokio::time::advance(5 * SECOND).await;
        assert!(poll_after(&mut running, false, progress).await.is_pending());
        // Progress during a question counts as that of its begin.
        assert!(poll(&mut paused, false, true).await.is_pending());
        tokio::time::advance(4 * SECOND).await;
        assert!(poll(&mut running, false, false).await.is_pending());
        tokio::time::advance(SECOND).await;
        let idle = Poll::Ready(Exceeded::Idle(10 * SECOND));
        assert_eq!(poll(&mut running, false, false).await, idle);
        tokio::time::advance(4 * SECOND).await;
        assert!(poll(&mut paused, false, false).await.is_pending());
        tokio::time::advance(SECOND).await;
        assert_eq!(poll(&mut paused, false, false).await, idle);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_beyond_all_time_never_ends() {
        for limit in [Timeout::new(Duration::MAX), Timeout::NONE] {
            let mut timeout = RunningTimeout::begin(limit);
            for asks in [false, true, false] {
                assert!(poll(&mut timeout, asks, true).await.is_pending());
                tokio::time::advance(10_000 * SECOND).await;
            }
        }
    }
}
