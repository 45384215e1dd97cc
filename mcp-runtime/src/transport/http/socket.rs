//! A socket that reports reads and writes to the timeouts of its connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::timeouts::ConnectionTimeouts;
use crate::metrics::OpenConnection;

/// The time that a refused client may continue to send before its connection is closed.
const LINGER: Duration = Duration::from_secs(1);

/// A socket that reports reads and writes to the timeouts.
pub(super) struct Socket<S> {
    stream: S,
    timeouts: Arc<ConnectionTimeouts>,
    /// `true` if the last request was refused; its body may be unread.
    refused: Arc<AtomicBool>,
    linger: Option<Pin<Box<Sleep>>>,
    _open: OpenConnection,
}

impl<S> Socket<S> {
    pub(super) fn new(
        stream: S,
        timeouts: Arc<ConnectionTimeouts>,
        refused: Arc<AtomicBool>,
        open: OpenConnection,
    ) -> Self {
        Self {
            stream,
            timeouts,
            refused,
            linger: None,
            _open: open,
        }
    }

    /// Records that the client is refused, and may send more before it reads the response.
    #[cfg(feature = "tls")]
    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }
}

impl<S: AsyncRead + Unpin> Socket<S> {
    /// Reads and discards the bytes that a refused client still sends. Closing a socket with unread bytes resets the
    /// connection, and the client may receive the reset before the response.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let linger = self
            .linger
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        if linger.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut discarded = [0; 8192];
        loop {
            let mut discarded = ReadBuf::new(&mut discarded);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut discarded));
            if read.is_err() || discarded.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.timeouts.received();
        }
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timeouts.sent(result.is_ready());
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.timeouts.sent(result.is_ready());
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        if self.refused.load(Ordering::Relaxed) {
            ready!(self.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}
