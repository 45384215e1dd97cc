//! Streamable HTTP: one endpoint, a POST for each message, answered by JSON or by a stream of events.
//!
//! [`HttpService`] is the endpoint and knows no socket, so that it mounts into any router; [`serve`] is our own
//! listener for it. The deprecated HTTP+SSE transport of 2024-11-05 is left out.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http>
//! and, for sessions, <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports>.

mod body;
mod clock;
mod connection;
mod events;
mod guard;
mod headers;
mod listener;
mod log;
mod media;
mod outbox;
mod post;
mod reply;
mod running;
mod session;
mod streams;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::Body;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use crate::seal::unique;
use crate::service::{BoxFuture, Outbound, Service};

pub use body::HttpBody;
use guard::Guard;
pub(crate) use listener::serve;
use outbox::Silent;
use reply::Refusal;
use streams::Streams;

/// What of the endpoint is up to the server's author.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpOptions {
    /// The path of the endpoint, on our own listener: other paths are 404, and `GET /health` answers `ok`.
    /// `None` where an outer router has chosen the path already.
    pub(crate) path: Option<String>,
    /// Hosts besides `localhost`, `127.0.0.1` and `[::1]`. One without a port stands for all its ports.
    pub(crate) allowed_hosts: Vec<String>,
    /// Origins besides those of this machine, such as `https://app.example.com`.
    pub(crate) allowed_origins: Vec<String>,
    /// Whether the `Host` must be one of the allowed ones. The `Origin` must be in any case.
    pub(crate) check_host: bool,
}

/// The MCP endpoint as a [`tower_service::Service`]: it mounts into axum's routers and serves hyper's connections.
#[derive(Clone)]
pub struct HttpService {
    endpoint: Arc<Endpoint>,
}

/// What all requests share.
struct Endpoint {
    service: Arc<dyn Service>,
    path: Option<String>,
    guard: Guard,
    streams: Streams,
    silent: Arc<dyn Outbound>,
}

impl HttpService {
    pub(crate) fn new(service: Arc<dyn Service>, options: HttpOptions) -> Self {
        let endpoint = Endpoint {
            service,
            guard: Guard::new(&options),
            path: options.path,
            streams: Streams::new(unique()),
            silent: Arc::new(Silent),
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
        Box::pin(async move { Ok(endpoint.respond(request).await) })
    }
}

impl Endpoint {
    /// Answers one HTTP request. Dropping the future cancels a call of the stateless era.
    async fn respond<B>(&self, request: Request<B>) -> Response<HttpBody>
    where
        B: Body + Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let answer = match self.admit(&parts) {
            Ok(Route::Health) => Ok(reply::health()),
            Ok(Route::Message) => self.post(parts, body).await,
            Ok(Route::Stream) => self.stream(&parts.headers),
            Ok(Route::EndOfSession) => self.delete(&parts.headers),
            Err(refusal) => Err(refusal),
        };
        answer.unwrap_or_else(Refusal::into_response)
    }

    /// Ends what would stay open for ever.
    fn close(&self) {
        self.service.close();
        self.streams.close();
    }

    /// Where a request goes, if it may come in at all.
    fn admit(&self, parts: &Parts) -> Result<Route, Refusal> {
        self.guard.admit(parts)?;
        if let Some(path) = &self.path
            && path != parts.uri.path()
        {
            return if parts.uri.path() == "/health" && parts.method == Method::GET {
                Ok(Route::Health)
            } else {
                let message = format!("Not found: the MCP endpoint is `{path}`");
                Err(Refusal::new(StatusCode::NOT_FOUND, message))
            };
        }
        match parts.method {
            Method::POST => Ok(Route::Message),
            Method::GET => Ok(Route::Stream),
            Method::DELETE => Ok(Route::EndOfSession),
            _ => Err(Refusal::method_not_allowed("POST, GET, DELETE")),
        }
    }
}

/// What a request asks of the endpoint.
enum Route {
    Health,
    Message,
    Stream,
    EndOfSession,
}
