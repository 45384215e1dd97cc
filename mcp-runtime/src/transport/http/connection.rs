//! A connection of the built-in listener: HTTP/1.1 by hyper, within the configured limits.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::Response;
use hyper::body::Incoming;
use hyper::http::Extensions;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::encryption::Encryption;
use super::half_close::{HalfClose, Unanswered, WatchedBody};
use super::response_body::HttpBody;
use super::socket::Socket;
use super::starting::StartingService;
use super::timeouts::{BusyGuard, ConnectionTimeouts};
use crate::service::TransportKind;

/// The largest HTTP header, in bytes. A larger one is answered with 431.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The address of a client, for applications that mount the endpoint.
///
/// [`Context::peer_address`](crate::Context::peer_address) returns the value that the application puts into the
/// `http::Extensions` of a request. The built-in listener uses the address of the socket.
///
/// ```no_run
/// use std::net::SocketAddr;
///
/// use axum::extract::{ConnectInfo, Request};
/// use axum::middleware::Next;
/// use axum::response::Response;
/// use mcp_runtime::PeerAddress;
///
/// /// A layer of axum that passes the address of the client on.
/// async fn with_address(ConnectInfo(address): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
///     request.extensions_mut().insert(PeerAddress(address));
///     next.run(request).await
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// A connection without its stream.
pub(super) struct Connection {
    pub(super) peer: Option<SocketAddr>,
    #[cfg_attr(not(feature = "tls"), allow(dead_code))] // there is no encryption
    pub(super) encryption: Encryption,
    pub(super) service: Arc<StartingService>,
    pub(super) timeouts: Arc<ConnectionTimeouts>,
    /// When this closes, the connection ends after the current request.
    pub(super) stop: watch::Receiver<()>,
}

impl Connection {
    /// Serves the connection until it ends.
    pub(super) async fn run(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin) {
        let refused = Arc::new(AtomicBool::new(false));
        let socket = Socket::new(
            stream,
            Arc::clone(&self.timeouts),
            Arc::clone(&refused),
            self.service.metrics.connected(TransportKind::Http.as_str()),
        );
        #[cfg(feature = "tls")]
        if let Some(acceptor) = self.encryption.acceptor() {
            // Boxed, because the future of a connection without TLS would contain it.
            return Box::pin(self.run_encrypted(socket, acceptor, &refused)).await;
        }
        self.serve(socket, &refused, |_| ()).await;
    }

    /// Makes the handshake, and serves the connection.
    #[cfg(feature = "tls")]
    async fn run_encrypted(
        mut self,
        socket: Socket<impl AsyncRead + AsyncWrite + Send + Unpin>,
        acceptor: Arc<super::tls::Acceptor>,
        refused: &AtomicBool,
    ) {
        let secured = tokio::select! {
            secured = super::tls::handshake(&acceptor, socket) => secured,
            () = self.timeouts.expired() => {
                return tracing::debug!("the client was too slow in the TLS handshake");
            }
            _ = self.stop.changed() => return,
        };
        match secured {
            Ok((stream, peer)) => self.serve(stream, refused, |it| peer.mark(it)).await,
            Err(failure) => failure.log(self.peer),
        }
    }

    /// Serves HTTP. `mark` adds to a request what is known of its connection.
    async fn serve(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        refused: &AtomicBool,
        mark: impl Fn(&mut Extensions),
    ) {
        let timeouts = &self.timeouts;
        let unanswered = Unanswered::default();
        let stream = HalfClose::new(stream, Arc::clone(timeouts), unanswered.clone());
        let serve = |mut request: hyper::Request<Incoming>| {
            mark(request.extensions_mut());
            let request = unanswered.watch(request);
            serve(&self.service, request, self.peer, timeouts.busy(), refused)
        };
        let mut connection = pin!(
            http1::Builder::new()
                .header_read_timeout(None) // `ConnectionTimeouts` limits it
                .max_header_size(MAX_HEADER_BYTES)
                .max_buf_size(MAX_HEADER_BYTES)
                .serve_connection(TokioIo::new(stream), service_fn(serve))
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
                _ = self.stop.changed(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

async fn serve(
    service: &StartingService,
    request: hyper::Request<WatchedBody>,
    peer: Option<SocketAddr>,
    busy: BusyGuard,
    refused: &AtomicBool,
) -> Result<Response<HttpBody>, Infallible> {
    let mut response = service.respond(request, peer).await;
    refused.store(response.status().is_client_error(), Ordering::Relaxed);
    response.body_mut().keep_busy(busy);
    Ok(response)
}
