//! The Streamable HTTP transport: one endpoint, and a POST request for each message, answered with JSON or with events.
//!
//! [`HttpService`] is the endpoint. It does not depend on sockets, so that it mounts into any router. [`Connections`] is the
//! built-in listener for it. The deprecated HTTP+SSE transport of 2024-11-05 is not supported.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http>
//! and, for sessions, <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports>.

#[cfg(feature = "auth")]
mod authorization;
mod body;
mod caller;
#[cfg(feature = "auth")]
mod challenge;
mod connection;
mod cors;
mod encryption;
mod ending;
mod event_stream;
mod events;
mod forwarded;
mod guard;
mod half_close;
mod headers;
mod late_timer;
mod listener;
mod media;
mod network;
mod options;
#[cfg(feature = "dev")]
mod playground;
mod post;
#[cfg(feature = "auth")]
mod protected_resource;
#[cfg(feature = "auth")]
mod protection;
mod refusal;
mod replicas;
mod reply;
#[cfg(feature = "auth")]
mod resource_url;
mod response_body;
mod session;
mod shares;
mod socket;
mod sockets;
mod starting;
mod stream_log;
mod streams;
#[cfg(test)]
mod tests;
mod timeouts;
#[cfg(feature = "tls")]
mod tls;
mod unsent;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use hyper::body::Body;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

#[cfg(feature = "auth")]
use crate::auth::Revoked;
use crate::cluster::Member;
use crate::service::{BoxFuture, Outbound, Service};
use crate::session::Tokens;

use caller::Caller;
pub use connection::PeerAddress;
pub(crate) use encryption::Encryption;
use event_stream::Discard;
pub(crate) use listener::Connections;
pub(crate) use network::Network;
pub(crate) use options::HttpOptions;
#[cfg(feature = "metrics")]
use options::METRICS;
use options::{HEALTH, READY};
#[cfg(feature = "dev")]
pub(crate) use playground::Playground;
#[cfg(feature = "auth")]
pub(crate) use protection::Protection;
use reply::Rejection;
#[cfg(feature = "auth")]
pub(crate) use resource_url::ResourceUrl;
pub use response_body::HttpBody;
pub(crate) use sockets::Listener;
#[cfg(unix)]
pub(crate) use sockets::UnixSocket;
pub(crate) use stream_log::StreamLog;
use streams::Streams;
#[cfg(feature = "tls")]
pub use tls::Tls;

/// The MCP endpoint as a [`tower_service::Service`], which mounts into axum routers and serves hyper connections.
///
/// ```no_run
/// # async fn mount(server: mcp_runtime::Server) -> Result<axum::Router, mcp_runtime::ServeError> {
/// let service: mcp_runtime::HttpService = server.into_service().await?;
/// let router = axum::Router::new().route_service("/mcp", service);
/// # Ok(router)
/// # }
/// ```
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
    /// The tokens that are refused.
    #[cfg(feature = "auth")]
    revoked: Option<Arc<Revoked>>,
}

impl HttpService {
    /// Returns the endpoint of a service. `log` has the streams of all replicas.
    pub(crate) fn new(
        service: Arc<dyn Service>,
        tokens: Tokens,
        options: HttpOptions,
        log: Option<StreamLog>,
    ) -> Self {
        let endpoint = Arc::new(Endpoint {
            #[cfg(feature = "auth")]
            revoked: service.revoked(),
            service,
            tokens,
            options,
            streams: Streams::new(log),
            discard: Arc::new(Discard),
        });
        if let Some(cluster) = endpoint.service.cluster() {
            let member = Arc::downgrade(&endpoint) as Weak<dyn Member>;
            cluster.add_member(member);
        }
        Self { endpoint }
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
    async fn respond<B>(
        self: &Arc<Self>,
        request: Request<B>,
        peer: Option<SocketAddr>,
    ) -> Response<HttpBody>
    where
        B: Body + Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let origin = match self.options.check_origin(&parts.headers) {
            Ok(origin) => origin.cloned(),
            Err(rejection) => return self.reject(rejection),
        };
        let route = self.route(&parts);
        let caller = Caller::new(peer, &parts.extensions);
        #[cfg(feature = "auth")]
        let (route, caller) = self.authenticate(&parts, route, caller).await;
        #[cfg(feature = "auth")]
        let challenger = self.challenger(&parts, &caller);
        let answer = match route {
            Ok(Route::Health) => Ok(reply::text("ok")),
            Ok(Route::Ready) => self.ready(),
            #[cfg(feature = "metrics")]
            Ok(Route::Metrics) => self.metrics(),
            #[cfg(feature = "dev")]
            Ok(Route::Playground) => self.playground(),
            #[cfg(feature = "auth")]
            Ok(Route::Resource) => self.protected_resource(&parts),
            Ok(Route::Preflight) => Ok(cors::preflight(&parts.headers)),
            Ok(Route::Message) => self.post(parts, caller, body).await,
            Ok(Route::Stream) => self.stream(parts, caller).await,
            Ok(Route::EndSession) => self.delete(parts, caller).await,
            Err(rejection) => Err(rejection),
        };
        let mut response = answer.unwrap_or_else(|rejection| self.reject(rejection));
        #[cfg(feature = "auth")]
        if let Some(challenger) = challenger {
            challenger.challenge(self, &mut response);
        }
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

    /// Answers `GET /`.
    #[cfg(feature = "dev")]
    fn playground(&self) -> Result<Response<HttpBody>, Rejection> {
        let page = self.options.playground.as_ref().map(Playground::response);
        let message = "Not found: the server has no playground (the command `dev`)";
        page.ok_or_else(|| Rejection::new(StatusCode::NOT_FOUND, message))
    }

    /// Returns the route of a request.
    ///
    /// # Errors
    /// Returns an error if the host is not allowed, or if there is no route.
    fn route(&self, parts: &Parts) -> Result<Route, Rejection> {
        self.options.check_host(parts)?;
        #[cfg(feature = "auth")]
        if self.is_resource_route(parts.uri.path()) {
            return Self::resource_route(parts);
        }
        if let Some(path) = &self.options.path
            && path != parts.uri.path()
        {
            return match parts.uri.path() {
                HEALTH if parts.method == Method::GET => Ok(Route::Health),
                READY if parts.method == Method::GET => Ok(Route::Ready),
                #[cfg(feature = "metrics")]
                METRICS if parts.method == Method::GET => Ok(Route::Metrics),
                #[cfg(feature = "dev")]
                playground::PATH
                    if parts.method == Method::GET && self.options.playground.is_some() =>
                {
                    Ok(Route::Playground)
                }
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
    #[cfg(feature = "dev")]
    /// The page for development.
    Playground,
    /// The metadata of the protected resource.
    #[cfg(feature = "auth")]
    Resource,
    Preflight,
    Message,
    Stream,
    EndSession,
}
