//! A response as Server-Sent Events: messages during the call, and the reply at the end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::event_stream::{StreamReader, push_event};

/// The time without events after which a comment keeps the connection alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The events of one response.
#[derive(Debug)]
pub(super) struct Events {
    reader: StreamReader,
    keep_alive: Pin<Box<Sleep>>,
}

impl Events {
    pub(super) fn new(reader: StreamReader) -> Self {
        Self {
            reader,
            keep_alive: Box::pin(tokio::time::sleep(KEEP_ALIVE)),
        }
    }

    /// Polls the next chunk of the stream; `None` at its end.
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut chunk = self.reader.poll(context);
        if chunk.is_pending() && self.keep_alive.as_mut().poll(context).is_ready() {
            chunk = Poll::Ready(Some(Bytes::from_static(b":\n\n")));
        }
        if chunk.is_ready() {
            self.keep_alive.as_mut().reset(Instant::now() + KEEP_ALIVE);
        }
        chunk
    }
}

/// Encodes each message as an event.
pub(super) fn encode(messages: &[String]) -> Bytes {
    let mut text = String::new();
    for message in messages {
        push_event(&mut text, message);
    }
    text.into()
}
