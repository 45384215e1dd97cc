//! What handlers send before they answer, until the response takes it.

use std::fmt;
use std::task::{Context, Poll, Waker};

use super::backlog::Backlog;
use crate::service::Outbound;
use crate::sync::{Mutex, MutexGuard};

/// Messages on their way from one handler to one response.
#[derive(Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<String>,
    backlog: Backlog,
    reader: Option<Waker>,
    closed: bool,
}

impl Outbox {
    /// Takes what waits; pending if that is nothing.
    pub(super) fn poll_take(&self, context: &Context<'_>) -> Poll<Vec<String>> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            state.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        state.backlog.clear();
        Poll::Ready(std::mem::take(&mut state.waiting))
    }

    /// Takes what waits and lets nothing in any more: nothing follows an answer.
    pub(super) fn close(&self) -> Vec<String> {
        let mut state = self.lock();
        state.closed = true;
        state.reader = None;
        std::mem::take(&mut state.waiting)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Outbound for Outbox {
    fn send(&self, message: String) -> bool {
        let mut state = self.lock();
        if state.closed || !state.backlog.admit(&message) {
            return false;
        }
        state.waiting.push(message);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        true
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Outbox").finish_non_exhaustive()
    }
}

/// Where messages go for which the client has no ear.
#[derive(Debug)]
pub(super) struct Silent;

impl Outbound for Silent {
    fn send(&self, _: String) -> bool {
        true
    }

    fn can_ask(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_in_bytes_and_shuts() {
        let outbox = Outbox::default();
        let message = "x".repeat(1 << 20);
        let fill = || (0..100).filter(|_| outbox.send(message.clone())).count();
        assert_eq!(fill(), 16);
        let context = Context::from_waker(Waker::noop());
        assert!(outbox.poll_take(&context).is_ready());
        assert_eq!(fill(), 16);
        assert_eq!(outbox.close().len(), 16);
        outbox.send("late".into());
        assert!(outbox.close().is_empty());
    }
}
