//! A call that did not finish at once, and who keeps it going: the response in the stateless era, where a
//! disconnect cancels it; a task of its own in a session, where a disconnect must not.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use super::calls::Call;
use super::outbox::Outbox;
use crate::service::{BoxFuture, Reply};

/// A call whose answer is still to come.
pub(super) struct Running {
    handler: Handler,
    /// `None` if the client does not want to hear anything but the answer.
    outbox: Option<Arc<Outbox>>,
}

enum Handler {
    /// Polled with the response and dropped with it.
    Attached(BoxFuture<Reply>),
    /// Runs by itself, and sends nothing if it was cancelled.
    Detached(oneshot::Receiver<Reply>),
}

/// What a call has come to.
pub(super) enum Step {
    /// It sent messages and goes on.
    Sent(Vec<String>),
    /// It is over: the messages it sent before, and its answer unless it was cancelled.
    Over(Vec<String>, Option<Reply>),
}

impl Running {
    /// A call that ends with its response.
    pub(super) fn attached(handler: BoxFuture<Reply>, outbox: Option<Arc<Outbox>>) -> Self {
        Self {
            handler: Handler::Attached(handler),
            outbox,
        }
    }

    /// A call that only `notifications/cancelled` ends before its time.
    pub(super) fn detached(
        handler: BoxFuture<Reply>,
        outbox: Option<Arc<Outbox>>,
        (call, cancelled): (Call, oneshot::Receiver<()>),
    ) -> Self {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            tokio::select! {
                reply = handler => {
                    drop(call);
                    // It fails if the client has gone.
                    let _ = sender.send(reply);
                }
                _ = cancelled => {}
            }
        });
        Self {
            handler: Handler::Detached(receiver),
            outbox,
        }
    }

    /// Waits for the next step.
    pub(super) async fn step(&mut self) -> Step {
        poll_fn(|context| self.poll_step(context)).await
    }

    /// Must not be called again when the call is over.
    pub(super) fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        if let Poll::Ready(reply) = self.handler.poll(context) {
            let sent = self.outbox.take().map(|outbox| outbox.close());
            return Poll::Ready(Step::Over(sent.unwrap_or_default(), reply));
        }
        match &self.outbox {
            Some(outbox) => Poll::Ready(Step::Sent(ready!(outbox.poll_take(context)))),
            None => Poll::Pending,
        }
    }
}

impl Handler {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Reply>> {
        match self {
            Self::Attached(handler) => handler.as_mut().poll(context).map(Some),
            Self::Detached(receiver) => Pin::new(receiver).poll(context).map(Result::ok),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody reads what a detached call still sends.
        if let Some(outbox) = &self.outbox {
            outbox.close();
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Running").finish_non_exhaustive()
    }
}
