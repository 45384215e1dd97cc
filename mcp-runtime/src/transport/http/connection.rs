//! A connection of the built-in listener: HTTP/1.1 by hyper, within the configured limits.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Sleep;

use super::response_body::HttpBody;
use super::timeouts::{BusyGuard, ConnectionTimeouts};
use super::{Endpoint, HttpService};
use crate::metrics::OpenConnection;
use crate::service::TransportKind;

/// The largest HTTP header, in bytes. A larger one is answered with 431.
pub(super) const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The time that a refused client may continue to send before its connection is closed.
const LINGER: Duration = Duration::from_secs(1);

/// The address of a client, for applications that mount the endpoint.
///
/// [`Context::peer_address`](crate::Context::peer_address) returns the value that the application puts into the
/// `http::Extensions` of a request. The built-in listener uses the address of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Serves a connection until it ends. When `stop` closes, the connection ends after the current request.
pub(super) async fn run(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: Option<SocketAddr>,
    service: HttpService,
    mut stop: watch::Receiver<()>,
) {
    let limits = service.endpoint.service.limits();
    let timeouts = Arc::new(ConnectionTimeouts::new(
        limits.header_timeout,
        limits.idle_timeout,
    ));
    let refused = Arc::new(AtomicBool::new(false));
    let socket = Socket {
        stream,
        timeouts: Arc::clone(&timeouts),
        refused: Arc::clone(&refused),
        linger: None,
        _open: service
            .endpoint
            .service
            .metrics()
            .connected(TransportKind::Http.as_str()),
    };
    let serve = |request| {
        let busy = timeouts.busy();
        serve(&service.endpoint, request, peer, busy, &refused)
    };
    let mut connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None) // `ConnectionTimeouts` limits it
            .max_header_size(MAX_HEADER_BYTES)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(socket), service_fn(serve))
    );
    let mut expired = pin!(timeouts.expired());
    let mut stopping = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "the connection failed");
                }
                return;
            }
            () = expired.as_mut() => {
                tracing::debug!("the connection was idle, or its client was too slow");
                return;
            }
            // No value is ever sent: this resolves when the sender is dropped.
            _ = stop.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn serve(
    endpoint: &Endpoint,
    request: hyper::Request<Incoming>,
    peer: Option<SocketAddr>,
    busy: BusyGuard,
    refused: &AtomicBool,
) -> Result<Response<HttpBody>, Infallible> {
    let mut response = endpoint.respond(request, peer).await;
    refused.store(response.status().is_client_error(), Ordering::Relaxed);
    response.body_mut().keep_busy(busy);
    Ok(response)
}

/// A socket that reports reads and writes to the timeouts.
struct Socket<S> {
    stream: S,
    timeouts: Arc<ConnectionTimeouts>,
    /// `true` if the last request was refused; its body may be unread.
    refused: Arc<AtomicBool>,
    linger: Option<Pin<Box<Sleep>>>,
    _open: OpenConnection,
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
