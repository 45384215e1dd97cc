//! The body of a response: a text, or events as they come.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::clock::Busy;
use super::events::Events;

/// The body of a response: a text, or events as they come.
#[derive(Debug)]
pub struct HttpBody {
    content: Content,
    /// Keeps the connection of our own listener busy until the body is sent.
    busy: Option<Busy>,
}

#[derive(Debug)]
enum Content {
    /// `None` once it is taken.
    Full(Option<Bytes>),
    Events(Box<Events>),
}

impl HttpBody {
    pub(super) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::new(Content::Full((!bytes.is_empty()).then_some(bytes)))
    }

    pub(super) fn events(events: Events) -> Self {
        Self::new(Content::Events(Box::new(events)))
    }

    fn new(content: Content) -> Self {
        Self {
            content,
            busy: None,
        }
    }

    pub(super) fn keep_busy(&mut self, busy: Busy) {
        self.busy = Some(busy);
    }
}

impl Body for HttpBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match &mut self.content {
            Content::Full(bytes) => Poll::Ready(bytes.take()),
            Content::Events(events) => events.poll_data(context),
        };
        data.map(|data| data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Events(_) => SizeHint::default(),
        }
    }
}
