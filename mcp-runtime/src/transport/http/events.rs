//! A response as Server-Sent Events: messages as they come, and the answer at the end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::log::Reader;
use super::running::{Running, Step};

/// How long a stream is silent before a comment shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The events of one response.
#[derive(Debug)]
pub(super) struct Events {
    source: Source,
    silence: Pin<Box<Sleep>>,
}

/// Where events come from.
#[derive(Debug)]
enum Source {
    /// A call of the stateless era, with what it sent before the response began. Its events have no ids: they are not
    /// kept.
    Call(Option<Bytes>, Running),
    /// A stream of a session.
    Log(Reader),
    Over,
}

impl Source {
    /// The next piece; `None` at the end.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self {
            Self::Call(first, running) => {
                if let Some(first) = first.take() {
                    return Poll::Ready(Some(first));
                }
                match ready!(running.poll_step(context)) {
                    Step::Sent(messages) => Poll::Ready(Some(encode(&messages))),
                    Step::Over(mut messages, reply) => {
                        *self = Self::Over;
                        messages.extend(reply.map(|reply| reply.text));
                        Poll::Ready(Some(encode(&messages)))
                    }
                }
            }
            Self::Log(reader) => {
                let piece = ready!(reader.poll(context));
                if piece.is_none() {
                    *self = Self::Over;
                }
                Poll::Ready(piece)
            }
            Self::Over => Poll::Ready(None),
        }
    }
}

impl Events {
    fn new(source: Source) -> Self {
        Self {
            source,
            silence: Box::pin(tokio::time::sleep(KEEP_ALIVE)),
        }
    }

    /// The events of a call that has begun to send.
    pub(super) fn of_call(first: &[String], running: Running) -> Self {
        Self::new(Source::Call(Some(encode(first)), running))
    }

    /// The events of a session's stream.
    pub(super) fn of_log(reader: Reader) -> Self {
        Self::new(Source::Log(reader))
    }

    /// The next piece of the stream; `None` at its end.
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut piece = self.source.poll(context);
        if piece.is_pending() && self.silence.as_mut().poll(context).is_ready() {
            piece = Poll::Ready(Some(Bytes::from_static(b":\n\n")));
        }
        if piece.is_ready() {
            self.silence.as_mut().reset(Instant::now() + KEEP_ALIVE);
        }
        piece
    }

    /// Whether there is nothing more to come.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.source, Source::Over)
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
