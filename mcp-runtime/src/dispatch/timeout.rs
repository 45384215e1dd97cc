//! The timeout of a call. The time that the client takes to answer questions does not count.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The remaining time of a call.
pub(super) struct Timeout {
    limit: Duration,
    /// The time that remained at `since`.
    left: Duration,
    /// The start of the running period; `None` while the timeout is paused.
    since: Option<Instant>,
    /// The timer, created on demand because few calls wait.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Timeout {
    /// Returns a timeout that starts now.
    pub(super) fn begin(limit: Duration) -> Self {
        Self {
            limit,
            left: limit,
            since: Some(Instant::now()),
            timer: None,
        }
    }

    /// Returns the limit when the time has elapsed. The timeout is paused while the call `asks` its client. It must
    /// be polled after each poll of the handler, because a question is asked or answered during such a poll.
    pub(super) fn poll(&mut self, asks: bool, context: &mut Context<'_>) -> Poll<Duration> {
        if asks {
            self.pause();
            return Poll::Pending;
        }
        let left = self.left;
        let since = *self.since.get_or_insert_with(Instant::now);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep(left.saturating_sub(since.elapsed()))));
        timer.as_mut().poll(context).map(|()| self.limit)
    }

    fn pause(&mut self) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
            self.timer = None;
        }
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

    #[tokio::test(start_paused = true)]
    async fn time_stands_still_while_the_client_is_asked() {
        let mut task = Context::from_waker(Waker::noop());
        let mut timeout = Timeout::begin(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(timeout.poll(true, &mut task).is_pending());
        tokio::time::advance(Duration::from_secs(100)).await;
        assert!(timeout.poll(false, &mut task).is_pending());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(timeout.poll(false, &mut task).is_pending());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(
            timeout.poll(false, &mut task),
            Poll::Ready(Duration::from_secs(10))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_beyond_all_time_never_ends() {
        let mut task = Context::from_waker(Waker::noop());
        let mut timeout = Timeout::begin(Duration::MAX);
        assert!(timeout.poll(false, &mut task).is_pending());
        assert!(timeout.poll(true, &mut task).is_pending());
        assert!(timeout.poll(false, &mut task).is_pending());
    }
}
