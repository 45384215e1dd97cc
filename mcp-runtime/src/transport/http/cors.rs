//! CORS: the headers that let pages of allowed origins read responses, and the response to a preflight request.
//!
//! `guard` decides which origins are allowed. See <https://fetch.spec.whatwg.org/#http-cors-protocol>.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use hyper::{Response, StatusCode};

use super::reply;
use super::response_body::HttpBody;

/// The response headers that a client needs, in addition to those that every page may read.
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After");

const METHODS: HeaderValue = HeaderValue::from_static("POST, GET, DELETE");

/// The request headers of the protocol with a fixed name.
const REQUEST_HEADERS: &str = "Content-Type, Accept, Authorization, Mcp-Session-Id, MCP-Protocol-Version, \
    Mcp-Method, Mcp-Name, Last-Event-ID";

/// The prefix of the headers that repeat arguments.
const PARAM_PREFIX: &str = "mcp-param-";

/// The time that a browser may cache the response to a preflight request, in seconds: the maximum of Chromium.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Adds the headers that let pages of this origin read a response.
pub(super) fn allow(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    headers.insert(VARY, HeaderValue::from_static("Origin"));
}

/// Returns `true` if an OPTIONS request is a preflight request.
pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Returns the response to a preflight request of an allowed origin.
pub(super) fn preflight(requested: &HeaderMap) -> Response<HttpBody> {
    let mut response = reply::empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(REQUEST_HEADERS),
    );
    for name in params(requested) {
        headers.append(ACCESS_CONTROL_ALLOW_HEADERS, name.into());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

/// Returns the argument headers that a preflight request asks for. Their names depend on the tool.
fn params(requested: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    requested
        .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse::<HeaderName>().ok())
        .filter(|name| {
            name.as_str().len() > PARAM_PREFIX.len() && name.as_str().starts_with(PARAM_PREFIX)
        })
}
