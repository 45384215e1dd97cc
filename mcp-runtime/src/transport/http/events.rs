//! A response as Server-Sent Events: messages as they come, and the answer at the end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::event_stream::{StreamReader, push_event};

/// How long a stream is silent before a comment shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The events of one response.
#[derive(Debug)]
pub(super) struct Events {
    reader: StreamReader,
    silence: Pin<Box<Sleep>>,
}

impl Events {
    pub(super) fn new(reader: StreamReader) -> Self {
        Self {
            reader,
            silence: Box::pin(tokio::time::sleep(KEEP_ALIVE)),
        }
    }

    /// The next piece of the stream; `None` at its end.
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut piece = self.reader.poll(context);
        if piece.is_pending() && self.silence.as_mut().poll(context).is_ready() {
            piece = Poll::Ready(Some(Bytes::from_static(b":\n\n")));
        }
        if piece.is_ready() {
            self.silence.as_mut().reset(Instant::now() + KEEP_ALIVE);
        }
        piece
    }
}

/// One event for each message.
pub(super) fn encode(messages: &[String]) -> Bytes {
    let mut text = String::new();
    for message in messages {
        push_event(&mut text, message);
    }
    text.into()
}
