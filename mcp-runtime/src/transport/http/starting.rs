//! Connections that arrive while the server starts.
//!
//! The state of the server is answered at once. All other requests wait until the server has started.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::options::{HEALTH, HttpOptions, READY};
use super::reply::{self, Rejection};
use super::response_body::HttpBody;
use super::sockets::Listener;
use super::{HttpService, connection};
use crate::service::Limits;

/// The connections that arrived while the server started. Each of them serves one request.
pub(crate) struct EarlyConnections {
    connections: JoinSet<()>,
    started: watch::Sender<Option<HttpService>>,
}

/// Starts the server and accepts connections meanwhile.
pub(crate) async fn while_starting<T>(
    listener: &impl Listener,
    options: &HttpOptions,
    limits: &Limits,
    start: impl Future<Output = T>,
) -> (T, EarlyConnections) {
    let mut start = pin!(start);
    let mut connections = JoinSet::new();
    let started = watch::Sender::new(None);
    let early = Arc::new(options.clone());
    loop {
        tokio::select! {
            biased;
            done = start.as_mut() => return (done, EarlyConnections { connections, started }),
            Some(_) = connections.join_next() => {}
            // The listener reports an error that lasts when the server has started.
            Ok((stream, peer)) = listener.accept(), if connections.len() < limits.connections => {
                let receiver = started.subscribe();
                connections.spawn(run(stream, peer, Arc::clone(&early), limits.clone(), receiver));
            }
        }
    }
}

impl EarlyConnections {
    /// Serves the waiting requests, and returns their connections.
    pub(super) fn serve(self, service: &HttpService) -> JoinSet<()> {
        self.started.send_replace(Some(service.clone()));
        self.connections
    }
}

async fn run(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: Option<SocketAddr>,
    options: Arc<HttpOptions>,
    limits: Limits,
    started: watch::Receiver<Option<HttpService>>,
) {
    let serve = |request| answer(request, peer, &options, started.clone());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(connection::MAX_HEADER_BYTES)
        .max_buf_size(connection::MAX_HEADER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service_fn(serve));
    if let Err(error) = connection.await {
        tracing::debug!(%error, "the connection failed");
    }
}

async fn answer(
    request: Request<Incoming>,
    peer: Option<SocketAddr>,
    options: &HttpOptions,
    mut started: watch::Receiver<Option<HttpService>>,
) -> Result<Response<HttpBody>, Infallible> {
    let (parts, body) = request.into_parts();
    if let Some(state) = state(&parts, options) {
        return Ok(state.unwrap_or_else(Rejection::into_response));
    }
    // The sender is dropped if the server could not be started.
    let service = started.wait_for(Option::is_some).await;
    let service = service.ok().and_then(|service| service.clone());
    let request = Request::from_parts(parts, body);
    Ok(match service {
        Some(service) => service.endpoint.respond(request, peer).await,
        None => reply::empty(StatusCode::SERVICE_UNAVAILABLE),
    })
}

/// Returns the answer to a request for the state of the server; `None` for all other requests.
fn state(parts: &Parts, options: &HttpOptions) -> Option<Result<Response<HttpBody>, Rejection>> {
    let state = match parts.uri.path() {
        HEALTH if parts.method == Method::GET => Ok(reply::text("ok")),
        READY if parts.method == Method::GET => Err(Rejection::not_ready("The server is starting")),
        _ => return None,
    };
    Some(options.check_host(parts).and(state))
}
