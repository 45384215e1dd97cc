//! Connections whose client has ended its half: a request that was received completely is answered.
//!
//! The end of the input has two possible causes: the client sends nothing more (`nc -N`), or it has closed the connection, which
//! cancels its call. A write tells them apart, because only a closed connection fails. While a request has no response yet,
//! the interim response 100 is written; clients ignore it if they did not ask for it
//! (<https://www.rfc-editor.org/rfc/rfc9110#section-15.2.1>). HTTP/1.0 has no interim responses: there, and after the start of
//! a response, the end of the input is a disconnect.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::timeouts::ConnectionTimeouts;

/// The interim response that clients ignore.
const PROBE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The delay before the first probe, which doubles with each probe. A call that ends before it is answered without a probe. The
/// first probe never fails: it makes the system of a client that has closed its connection answer with a reset.
const FIRST_DELAY: Duration = Duration::from_millis(20);

/// The longest delay between two probes.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// `true` while a request was received completely and no byte has been written since.
#[derive(Debug, Clone, Default)]
pub(super) struct Unanswered(Arc<AtomicBool>);

impl Unanswered {
    fn set(&self, unanswered: bool) {
        self.0.store(unanswered, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns the request with a body that reports its end.
    pub(super) fn watch(&self, request: Request<Incoming>) -> Request<WatchedBody> {
        let unanswered = (request.version() == Version::HTTP_11).then(|| self.clone());
        request.map(|body| WatchedBody::new(body, unanswered))
    }
}

/// The body of a request, which reports when it was received completely.
pub(super) struct WatchedBody {
    body: Incoming,
    unanswered: Option<Unanswered>,
}

impl WatchedBody {
    fn new(body: Incoming, unanswered: Option<Unanswered>) -> Self {
        let this = Self { body, unanswered };
        if this.body.is_end_stream() {
            this.report();
        }
        this
    }

    fn report(&self) {
        if let Some(unanswered) = &self.unanswered {
            unanswered.set(true);
        }
    }
}

impl Body for WatchedBody {
    type Data = <Incoming as Body>::Data;
    type Error = <Incoming as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() {
            self.report();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream whose input does not end while a request is unanswered and its client is there.
pub(super) struct HalfClose<S> {
    stream: S,
    timeouts: Arc<ConnectionTimeouts>,
    unanswered: Unanswered,
    /// `true` if the last write was not accepted. The earlier response may be written in part.
    is_blocked: bool,
    end: Option<End>,
}

/// The state after the end of the input.
struct End {
    /// `true` if a request was unanswered at the end of the input or later.
    is_awaited: bool,
    /// `true` after the first delay.
    has_waited: bool,
    delay: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Default for End {
    fn default() -> Self {
        Self {
            is_awaited: false,
            has_waited: false,
            delay: FIRST_DELAY,
            timer: None,
        }
    }
}

impl End {
    /// Waits before the next probe.
    fn poll_delay(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let delay = self.delay;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(delay)));
        ready!(timer.as_mut().poll(context));
        self.timer = None;
        self.has_waited = true;
        self.delay = (delay * 2).min(LONGEST_DELAY);
        Poll::Ready(())
    }
}

impl<S: AsyncWrite + Unpin> HalfClose<S> {
    pub(super) fn new(
        stream: S,
        timeouts: Arc<ConnectionTimeouts>,
        unanswered: Unanswered,
    ) -> Self {
        Self {
            stream,
            timeouts,
            unanswered,
            is_blocked: false,
            end: None,
        }
    }

    /// Waits while a response is awaited, and returns the end of the input then, or the error of a client that is gone.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.timeouts.is_busy() {
            let is_unanswered = self.is_unanswered();
            let end = self.end.get_or_insert_default();
            end.is_awaited |= is_unanswered;
            // The end of a complete body may be on its way to the handler.
            if end.has_waited && !end.is_awaited {
                break;
            }
            ready!(end.poll_delay(context));
            if is_unanswered {
                ready!(self.poll_probe(context))?;
            }
        }
        self.end.get_or_insert_default();
        Poll::Ready(Ok(()))
    }

    fn is_unanswered(&self) -> bool {
        self.unanswered.get() && !self.is_blocked
    }

    fn poll_probe(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_write(context, PROBE) {
            Poll::Ready(Ok(written)) if written == PROBE.len() => {
                Pin::new(&mut self.stream).poll_flush(context)
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }

    fn written(&mut self, is_accepted: bool) {
        self.is_blocked = !is_accepted;
        self.unanswered.set(false);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for HalfClose<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.end.is_none() {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        }
        if buffer.filled().len() > before || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_end(context)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HalfClose<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(result.is_ready());
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(result.is_ready());
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
