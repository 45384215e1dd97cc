//! Requests that arrive while the server starts.
//!
//! The state of the server is answered at once. All other requests wait until the server has started.

use std::net::SocketAddr;
use std::sync::OnceLock;

use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::watch;

use super::HttpService;
use super::half_close::WatchedBody;
use super::options::{HEALTH, HttpOptions, READY};
use super::reply::{self, Rejection};
use super::response_body::HttpBody;
use crate::metrics::Metrics;

/// The service of a listener, which accepts connections before the service exists.
pub(super) struct StartingService {
    options: HttpOptions,
    pub(super) metrics: Metrics,
    started: OnceLock<HttpService>,
    /// `true` when the server has started or has ended.
    is_decided: watch::Sender<bool>,
}

impl StartingService {
    pub(super) fn new(options: HttpOptions, metrics: Metrics) -> Self {
        Self {
            options,
            metrics,
            started: OnceLock::new(),
            is_decided: watch::Sender::new(false),
        }
    }

    /// Passes the waiting requests and all later ones to this service.
    pub(super) fn start(&self, service: HttpService) {
        // A listener has one service.
        let _ = self.started.set(service);
        self.is_decided.send_replace(true);
    }

    /// Answers the waiting requests with 503 if the server has not started.
    pub(super) fn end(&self) {
        self.is_decided.send_replace(true);
    }

    pub(super) async fn respond(
        &self,
        request: Request<WatchedBody>,
        peer: Option<SocketAddr>,
    ) -> Response<HttpBody> {
        match self.started.get() {
            Some(service) => service.endpoint.respond(request, peer).await,
            None => self.respond_early(request, peer).await,
        }
    }

    async fn respond_early(
        &self,
        request: Request<WatchedBody>,
        peer: Option<SocketAddr>,
    ) -> Response<HttpBody> {
        let (parts, body) = request.into_parts();
        if let Some(state) = state(&parts, &self.options) {
            return state.unwrap_or_else(|rejection| {
                self.metrics.refused(rejection.reason());
                rejection.into_response()
            });
        }
        let mut decided = self.is_decided.subscribe();
        // The sender is alive, so this does not fail.
        let _ = decided.wait_for(|is_decided| *is_decided).await;
        match self.started.get() {
            Some(service) => {
                let request = Request::from_parts(parts, body);
                service.endpoint.respond(request, peer).await
            }
            None => reply::empty(StatusCode::SERVICE_UNAVAILABLE),
        }
    }
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
