//! A response as Server-Sent Events: the messages of one call as it sends them, then its answer.
//!
//! Events have no ids, since streams are not resumable.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::running::{Running, Step};

/// How long a stream is silent before a comment shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The events of one call.
#[derive(Debug)]
pub(super) struct Events {
    /// What was sent before the response began.
    first: Option<Bytes>,
    /// `None` when the call is over.
    running: Option<Running>,
    silence: Pin<Box<Sleep>>,
}

impl Events {
    pub(super) fn new(first: &[String], running: Running) -> Self {
        Self {
            first: Some(encode(first)),
            running: Some(running),
            silence: Box::pin(tokio::time::sleep(KEEP_ALIVE)),
        }
    }

    /// The next piece of the stream; `None` at its end.
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let Some(running) = &mut self.running else {
            return Poll::Ready(None);
        };
        match running.poll_step(context) {
            Poll::Ready(Step::Sent(messages)) => {
                self.end_silence();
                Poll::Ready(Some(encode(&messages)))
            }
            Poll::Ready(Step::Over(mut messages, reply)) => {
                self.running = None;
                messages.extend(reply.map(|reply| reply.text));
                Poll::Ready((!messages.is_empty()).then(|| encode(&messages)))
            }
            Poll::Pending => self.poll_silence(context),
        }
    }

    /// Whether there is nothing more to come.
    pub(super) fn is_over(&self) -> bool {
        self.first.is_none() && self.running.is_none()
    }

    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.silence.as_mut().poll(context).map(|()| {
            self.end_silence();
            Some(Bytes::from_static(b":\n\n"))
        })
    }

    fn end_silence(&mut self) {
        self.silence.as_mut().reset(Instant::now() + KEEP_ALIVE);
    }
}

/// One event for each message. They have no line breaks, so that one `data` line holds each.
pub(super) fn encode(messages: &[String]) -> Bytes {
    let length = messages.iter().map(|message| message.len() + 8).sum();
    let mut text = String::with_capacity(length);
    for message in messages {
        text.push_str("data: ");
        text.push_str(message);
        text.push_str("\n\n");
    }
    text.into()
}
