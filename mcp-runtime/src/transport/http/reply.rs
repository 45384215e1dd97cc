//! Answers as HTTP: statuses, headers, and the refusals that this transport makes by itself.

use bytes::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::events::{self, Events};
use super::response_body::HttpBody;
use crate::protocol::Id;
use crate::protocol::error::{Class, RpcError};
use crate::protocol::jsonrpc::error_reply;

static BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A request that this transport turns away before dispatch has seen it.
#[derive(Debug)]
pub(super) struct Rejection(Box<Response<HttpBody>>);

impl Rejection {
    /// A refusal of a request whose id is not known: a JSON-RPC error without an id.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::rpc(status, None, &RpcError::invalid_request(message.into()))
    }

    /// A refusal under the request's own id.
    pub(super) fn rpc(status: StatusCode, id: Option<&Id>, error: &RpcError) -> Self {
        Self(Box::new(json(status, error_reply(id, error))))
    }

    /// 400, which most refusals of a message are.
    pub(super) fn bad_request(id: Option<&Id>, error: &RpcError) -> Self {
        Self::rpc(StatusCode::BAD_REQUEST, id, error)
    }

    /// 405, with the methods that are allowed.
    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("This endpoint allows {allow}");
        let mut refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, message);
        let allow = HeaderValue::from_static(allow);
        refusal.0.headers_mut().insert(ALLOW, allow);
        refusal
    }

    pub(super) fn into_response(self) -> Response<HttpBody> {
        *self.0
    }
}

/// The status of an answer. Before the stateless era an unknown method was an answer like others.
pub(super) fn status(class: Class, stateless: bool) -> StatusCode {
    match class {
        Class::UnknownMethod if stateless => StatusCode::NOT_FOUND,
        Class::Answered | Class::UnknownMethod => StatusCode::OK,
        Class::Malformed => StatusCode::BAD_REQUEST,
        Class::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// One JSON text.
pub(super) fn json(status: StatusCode, text: String) -> Response<HttpBody> {
    let mut response = with_type("application/json", HttpBody::full(text));
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let one_second = HeaderValue::from_static("1");
        response.headers_mut().insert(RETRY_AFTER, one_second);
    }
    response
}

/// Messages that are all known already, as events.
pub(super) fn finished_events(messages: &[String]) -> Response<HttpBody> {
    as_events(HttpBody::full(events::encode(messages)))
}

/// Events as they come.
pub(super) fn events(events: Events) -> Response<HttpBody> {
    as_events(HttpBody::events(events))
}

fn as_events(body: HttpBody) -> Response<HttpBody> {
    let mut response = with_type("text/event-stream", body);
    // Caches and reverse proxies hand on each event at once.
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(&BUFFERING, HeaderValue::from_static("no"));
    response
}

/// Nothing but a status.
pub(super) fn empty(status: StatusCode) -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::full(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// What `GET /health` says.
pub(super) fn health() -> Response<HttpBody> {
    with_type("text/plain", HttpBody::full("ok"))
}

fn with_type(media_type: &'static str, body: HttpBody) -> Response<HttpBody> {
    let mut response = Response::new(body);
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
