//! HTTP responses: statuses, headers, and the rejections of this transport.

use bytes::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

#[cfg(feature = "auth")]
use super::challenge::Challenge;
use super::events::Events;
use super::response_body::HttpBody;
use crate::protocol::Id;
use crate::protocol::error::{Class, RpcError};
use crate::protocol::jsonrpc::error_reply;

static X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The response to a request that the transport rejects before dispatch.
#[derive(Debug)]
pub(super) struct Rejection(Box<Response<HttpBody>>);

impl Rejection {
    /// Creates the rejection of a request whose id is unknown: a JSON-RPC error without an id.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::rpc(status, None, &RpcError::invalid_request(message.into()))
    }

    /// Returns `true` if the server cannot answer the request now.
    pub(super) fn is_unavailable(&self) -> bool {
        self.0.status() == StatusCode::SERVICE_UNAVAILABLE
    }

    /// Creates a rejection with the id of its request.
    pub(super) fn rpc(status: StatusCode, id: Option<&Id>, error: &RpcError) -> Self {
        Self(Box::new(json(status, error_reply(id, error))))
    }

    /// Creates the rejection of a request without an id.
    pub(super) fn of(error: &RpcError) -> Self {
        let mut rejection = Self::rpc(status(error.class, false), None, error);
        set_retry_after(&mut rejection.0, error.class);
        rejection
    }

    /// Creates a rejection with the status 400.
    pub(super) fn bad_request(id: Option<&Id>, error: &RpcError) -> Self {
        Self::rpc(StatusCode::BAD_REQUEST, id, error)
    }

    /// Creates a rejection with the status 405 and the allowed methods.
    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("This endpoint allows {allow}");
        let mut rejection = Self::new(StatusCode::METHOD_NOT_ALLOWED, message);
        let allow = HeaderValue::from_static(allow);
        rejection.0.headers_mut().insert(ALLOW, allow);
        rejection
    }

    /// Creates the rejection of a readiness check.
    pub(super) fn not_ready(reason: &'static str) -> Self {
        let mut response = text(reason);
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        Self(Box::new(response))
    }

    /// Returns the reason as metrics name it: a limit, or the status.
    pub(super) fn reason(&self) -> &'static str {
        match self.0.status() {
            StatusCode::PAYLOAD_TOO_LARGE => "message_bytes",
            StatusCode::BAD_REQUEST => "http_400",
            StatusCode::UNAUTHORIZED => "http_401",
            StatusCode::FORBIDDEN => "http_403",
            StatusCode::NOT_FOUND => "http_404",
            StatusCode::METHOD_NOT_ALLOWED => "http_405",
            StatusCode::NOT_ACCEPTABLE => "http_406",
            StatusCode::REQUEST_TIMEOUT => "http_408",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "http_415",
            StatusCode::SERVICE_UNAVAILABLE => "http_503",
            _ => "http_other",
        }
    }

    /// Adds the challenge that the header `WWW-Authenticate` will contain.
    #[cfg(feature = "auth")]
    pub(super) fn with_challenge(mut self, challenge: Challenge) -> Self {
        self.0.extensions_mut().insert(challenge);
        self
    }

    pub(super) fn into_response(self) -> Response<HttpBody> {
        *self.0
    }
}

/// Returns the HTTP status of a reply. In the legacy era, the error of an unknown method has the status 200.
pub(super) fn status(class: Class, stateless: bool) -> StatusCode {
    match class {
        Class::UnknownMethod if stateless => StatusCode::NOT_FOUND,
        Class::Answered | Class::Concealed | Class::UnknownMethod => StatusCode::OK,
        Class::Malformed => StatusCode::BAD_REQUEST,
        Class::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
    }
}

/// Returns a JSON response.
pub(super) fn json(status: StatusCode, text: impl Into<Bytes>) -> Response<HttpBody> {
    let mut response = with_type("application/json", HttpBody::full(text));
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let one_second = HeaderValue::from_static("1");
        response.headers_mut().insert(RETRY_AFTER, one_second);
    }
    response
}

/// Sets the time after which the client may try again.
pub(super) fn set_retry_after(response: &mut Response<HttpBody>, class: Class) {
    if let Class::RateLimited(seconds) = class {
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
}

/// Returns a response with complete messages, encoded as events.
pub(super) fn finished_events(events: impl Into<Bytes>) -> Response<HttpBody> {
    as_events(HttpBody::full(events))
}

/// Returns a response with a stream of events.
pub(super) fn events(events: Events) -> Response<HttpBody> {
    as_events(HttpBody::events(events))
}

fn as_events(body: HttpBody) -> Response<HttpBody> {
    let mut response = with_type("text/event-stream", body);
    // Caches and reverse proxies must forward each event immediately.
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(&X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// Returns a response without a body.
pub(super) fn empty(status: StatusCode) -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::full(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Returns a response with a text.
pub(super) fn text(text: &'static str) -> Response<HttpBody> {
    with_type("text/plain", HttpBody::full(text))
}

/// Returns a response with metrics in the text format of Prometheus.
#[cfg(feature = "metrics")]
pub(super) fn metrics(text: String) -> Response<HttpBody> {
    with_type("text/plain; version=0.0.4", HttpBody::full(text))
}

fn with_type(media_type: &'static str, body: HttpBody) -> Response<HttpBody> {
    let mut response = Response::new(body);
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
