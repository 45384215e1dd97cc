//! The body of a response: a text, or events as they come.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::events::Events;

/// The body of a response: a text, or events as they come.
#[derive(Debug)]
pub struct HttpBody(Content);

#[derive(Debug)]
enum Content {
    /// `None` once it is taken.
    Full(Option<Bytes>),
    Events(Box<Events>),
}

impl HttpBody {
    pub(super) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(Content::Full((!bytes.is_empty()).then_some(bytes)))
    }

    pub(super) fn events(events: Events) -> Self {
        Self(Content::Events(Box::new(events)))
    }
}

impl Body for HttpBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match &mut self.0 {
            Content::Full(bytes) => Poll::Ready(bytes.take()),
            Content::Events(events) => events.poll_data(context),
        };
        data.map(|data| data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Content::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Events(_) => SizeHint::default(),
        }
    }
}
