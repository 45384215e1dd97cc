//! The body of a response: a complete text, or a stream of events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::events::Events;
use super::timeouts::BusyGuard;

/// The body of a response: a complete text, or a stream of events.
///
/// ```
/// use http_body_util::BodyExt as _;
/// use mcp_runtime::{HttpBody, prelude::*};
/// use tower_service::Service as _;
///
/// /// Say hello.
/// #[tool]
/// async fn hello() -> &'static str {
///     "Hello!"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let mut service = Server::new("app", "1.0.0").with(components![hello]).into_service().await?;
/// let request = hyper::Request::get("/mcp").header("Host", "localhost").body(String::new())?;
/// let body: HttpBody = service.call(request).await?.into_body();
/// assert!(!body.collect().await?.to_bytes().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HttpBody {
    content: BodyContent,
    /// Marks the connection of the built-in listener as busy until the body is sent.
    busy: Option<BusyGuard>,
}

#[derive(Debug)]
enum BodyContent {
    /// A complete text; `None` once it is taken.
    Full(Option<Bytes>),
    Events(Box<Events>),
}

impl HttpBody {
    pub(super) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::new(BodyContent::Full((!bytes.is_empty()).then_some(bytes)))
    }

    pub(super) fn events(events: Events) -> Self {
        Self::new(BodyContent::Events(Box::new(events)))
    }

    fn new(content: BodyContent) -> Self {
        Self {
            content,
            busy: None,
        }
    }

    pub(super) fn keep_busy(&mut self, busy: BusyGuard) {
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
            BodyContent::Full(bytes) => Poll::Ready(bytes.take()),
            BodyContent::Events(events) => events.poll_data(context),
        };
        data.map(|data| data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, BodyContent::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            BodyContent::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            BodyContent::Events(_) => SizeHint::default(),
        }
    }
}
