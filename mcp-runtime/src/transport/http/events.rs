//! A response as Server-Sent Events: messages during the call, and the reply at the end.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::ending::Ending;
use super::event_stream::{StreamReader, push_event};
use super::stream_log::Follower;
use crate::opaque::opaque_debug;

/// The comment that keeps the connection alive.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// The shortest interval between comments, so that a limit of zero does not cause a busy loop.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// The stream that a response sends: one of this replica, or one that is read from its log.
#[derive(Debug)]
pub(super) enum EventSource {
    Local(StreamReader),
    Logged(Follower),
}

impl EventSource {
    /// Polls the events to send now; `None` if there will be no more.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self {
            Self::Local(reader) => reader.poll(context),
            Self::Logged(follower) => follower.poll(context),
        }
    }
}

/// The events of one response.
pub(super) struct Events {
    source: EventSource,
    /// The time without events after which a comment is sent.
    interval: Duration,
    /// The timer of the next comment; `None` before the first chunk is sent.
    keep_alive: Option<Pin<Box<Sleep>>>,
    /// Completes when the stream must end.
    ending: Option<Ending>,
}

opaque_debug!(Events, |it| source: it.source, interval: it.interval);

impl Events {
    /// Creates a response that sends a comment when there are no events for `interval`, and that ends when `ending`
    /// completes.
    pub(super) fn new(source: EventSource, interval: Duration, ending: Option<Ending>) -> Self {
        Self {
            source,
            interval: interval.max(MIN_INTERVAL),
            keep_alive: None,
            ending,
        }
    }

    /// Polls the next chunk of the stream; `None` at its end.
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(ending) = &mut self.ending
            && ending.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(None);
        }
        let mut chunk = self.source.poll(context);
        if chunk.is_pending() && self.poll_keep_alive(context).is_ready() {
            chunk = Poll::Ready(Some(COMMENT));
        }
        if chunk.is_ready() {
            self.restart();
        }
        chunk
    }

    fn restart(&mut self) {
        match (
            &mut self.keep_alive,
            Instant::now().checked_add(self.interval),
        ) {
            (Some(timer), Some(due)) => timer.as_mut().reset(due),
            _ => self.keep_alive = Some(Box::pin(tokio::time::sleep(self.interval))),
        }
    }

    /// Returns `Ready` when a comment is due. The first chunk is due at once, because some proxies forward the header of a
    /// response together with the first bytes of its body.
    fn poll_keep_alive(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.keep_alive {
            Some(timer) => timer.as_mut().poll(context),
            None => Poll::Ready(()),
        }
    }
}

/// Encodes each message as an event.
pub(super) fn encode(messages: &[String]) -> String {
    let mut text = String::new();
    for message in messages {
        push_event(&mut text, message);
    }
    text
}
