//! How long a call may take. The time in which its client is asked does not count.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The time that a call has.
pub(super) struct Timeout {
    limit: Duration,
    /// What was left of it when it began to run, last time.
    left: Duration,
    /// When it began to run; `None` while it stands still.
    since: Option<Instant>,
    /// Made when it is needed: few calls ever wait.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Timeout {
    /// A timeout that runs from now on.
    pub(super) fn begin(limit: Duration) -> Self {
        Self {
            limit,
            left: limit,
            since: Some(Instant::now()),
            alarm: None,
        }
    }

    /// Ready with the limit when the time is up. It must be polled after each poll of the handler, which is when a
    /// question is asked or answered.
    pub(super) fn poll(&mut self, asks: bool, context: &mut Context<'_>) -> Poll<Duration> {
        if asks {
            self.pause();
            return Poll::Pending;
        }
        let left = self.left;
        let since = *self.since.get_or_insert_with(Instant::now);
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep(left.saturating_sub(since.elapsed()))));
        alarm.as_mut().poll(context).map(|()| self.limit)
    }

    fn pause(&mut self) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
            self.alarm = None;
        }
    }
}

/// A limit as people write it: `30 s`, `250 ms`.
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
