//! A call of the stateless era that did not finish at once. It lives with its response: a disconnect cancels it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::outbox::Outbox;
use crate::service::{Pending, Reply};

/// A call whose answer is still to come.
pub(super) struct Running {
    handler: Pending,
    /// `None` if the client does not want to hear anything but the answer.
    outbox: Option<Arc<Outbox>>,
}

/// What a call has come to.
pub(super) enum Step {
    /// It sent messages and goes on.
    Sent(Vec<String>),
    /// It is over: the messages it sent before, and its answer unless it was cancelled.
    Over(Vec<String>, Option<Reply>),
}

impl Running {
    pub(super) fn new(handler: Pending, outbox: Option<Arc<Outbox>>) -> Self {
        Self { handler, outbox }
    }

    /// Waits for the next step.
    pub(super) async fn step(&mut self) -> Step {
        poll_fn(|context| self.poll_step(context)).await
    }

    /// Must not be called again when the call is over.
    pub(super) fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        if let Poll::Ready(reply) = Pin::new(&mut self.handler).poll(context) {
            let sent = self.outbox.take().map(|outbox| outbox.close());
            return Poll::Ready(Step::Over(sent.unwrap_or_default(), reply));
        }
        match &self.outbox {
            Some(outbox) => Poll::Ready(Step::Sent(ready!(outbox.poll_take(context)))),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Running").finish_non_exhaustive()
    }
}
