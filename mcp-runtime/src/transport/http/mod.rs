//! The Streamable HTTP transport: one endpoint, and a POST request for each message, answered with JSON or with events.
//!
//! [`HttpService`] is the endpoint. It does not depend on sockets, so that it mounts into any router. [`serve`] is the
//! built-in listener for it. The deprecated HTTP+SSE transport of 2024-11-05 is not supported.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http>
//! and, for sessions, <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports>.

mod body;
mod connection;
mod cors;
mod event_stream;
mod events;
mod guard;
mod headers;
mod listener;
mod media;
mod options;
mod post;
mod reply;
mod response_body;
mod session;
mod sockets;
mod starting;
mod streams;
#[cfg(test)]
mod tests;
mod timeouts;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::Body;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use crate::seal::unique;
use crate::service::{BoxFuture, Outbound, Service};
use crate::session::Tokens;

pub use connection::PeerAddress;
use event_stream::Discard;
pub(crate) use listener::serve;
pub(crate) use options::HttpOptions;
#[cfg(feature = "metrics")]
use options::METRICS;
use options::{HEALTH, READY};
use reply::Rejection;
pub use response_body::HttpBody;
pub(crate) use sockets::Listener;
#[cfg(unix)]
pub(crate) use sockets::UnixSocket;
pub(crate) use starting::while_starting;
use streams::Streams;

/// The MCP endpoint as a [`tower_service::Service`], which mounts into axum routers and serves hyper connections.
#[derive(Clone)]
pub struct HttpService {
    endpoint: Arc<Endpoint>,
}

/// The state that all requests share.
struct Endpoint {
    service: Arc<dyn Service>,
    tokens: Tokens,
    options: HttpOptions,
    streams: Streams,
    discard: Arc<dyn Outbound>,
}

impl HttpService {
    pub(crate) fn new(service: Arc<dyn Service>, tokens: Tokens, options: HttpOptions) -> Self {
        let endpoint = Endpoint {
            service,
            tokens,
            options,
            streams: Streams::new(unique()),
            discard: Arc::new(Discard),
        };
        Self {
            endpoint: Arc::new(endpoint),
        }
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpService")
            .finish_non_exhaustive()
    }
}

impl<B> tower_service::Service<Request<B>> for HttpService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<HttpBody>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let endpoint = Arc::clone(&self.endpoint);
        let peer = request.extensions().get().map(|PeerAddress(peer)| *peer);
        Box::pin(async move { Ok(endpoint.respond(request, peer).await) })
    }
}

impl Endpoint {
    /// Answers an HTTP request. Dropping the future cancels a call of the stateless era.
    async fn respond<B>(&self, request: Request<B>, peer: Option<SocketAddr>) -> Response<HttpBody>
    where
        B: Body + Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let origin = match self.options.check_origin(&parts.headers) {
            Ok(origin) => origin.cloned(),
            Err(rejection) => return self.reject(rejection),
        };
        let answer = match self.route(&parts) {
            Ok(Route::Health) => Ok(reply::text("ok")),
            Ok(Route::Ready) => self.ready(),
            #[cfg(feature = "metrics")]
            Ok(Route::Metrics) => self.metrics(),
            Ok(Route::Preflight) => Ok(cors::preflight(&parts.headers)),
            Ok(Route::Message) => self.post(parts, peer, body).await,
            Ok(Route::Stream) => self.stream(parts, peer),
            Ok(Route::EndSession) => self.delete(&parts.headers),
            Err(rejection) => Err(rejection),
        };
        let mut response = answer.unwrap_or_else(|rejection| self.reject(rejection));
        if let Some(origin) = origin {
            cors::allow(origin, response.headers_mut());
        }
        response
    }

    /// Counts a rejection and returns its response.
    fn reject(&self, rejection: Rejection) -> Response<HttpBody> {
        self.service.metrics().refused(rejection.reason());
        rejection.into_response()
    }

    /// Answers `GET /ready`.
    fn ready(&self) -> Result<Response<HttpBody>, Rejection> {
        if self.service.is_stopping() {
            return Err(Rejection::not_ready("The server is stopping"));
        }
        Ok(reply::text("ready"))
    }

    /// Answers `GET /metrics`.
    #[cfg(feature = "metrics")]
    fn metrics(&self) -> Result<Response<HttpBody>, Rejection> {
        if let Some(metrics) = self.service.metrics_text() {
            return Ok(reply::metrics(metrics));
        }
        let message = "Not found: the server has no metrics (`Server::metrics`)";
        Err(Rejection::new(StatusCode::NOT_FOUND, message))
    }

    /// Returns the route of a request.
    ///
    /// # Errors
    /// Returns an error if the host is not allowed, or if there is no route.
    fn route(&self, parts: &Parts) -> Result<Route, Rejection> {
        self.options.check_host(parts)?;
        if let Some(path) = &self.options.path
            && path != parts.uri.path()
        {
            return match parts.uri.path() {
                HEALTH if parts.method == Method::GET => Ok(Route::Health),
                READY if parts.method == Method::GET => Ok(Route::Ready),
                #[cfg(feature = "metrics")]
                METRICS if parts.method == Method::GET => Ok(Route::Metrics),
                _ => {
                    let message = format!("Not found: the MCP endpoint is `{path}`");
                    Err(Rejection::new(StatusCode::NOT_FOUND, message))
                }
            };
        }
        match parts.method {
            Method::POST => Ok(Route::Message),
            Method::GET => Ok(Route::Stream),
            Method::DELETE => Ok(Route::EndSession),
            Method::OPTIONS if cors::is_preflight(&parts.headers) => Ok(Route::Preflight),
            _ => Err(Rejection::method_not_allowed("POST, GET, DELETE")),
        }
    }
}

/// The operation that a request asks for.
enum Route {
    Health,
    Ready,
    #[cfg(feature = "metrics")]
    Metrics,
    Preflight,
    Message,
    Stream,
    EndSession,
}
