//! Sessions of the revisions with a handshake: the header that names one, and how a client ends it.

use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::Endpoint;
use super::body::HttpBody;
use super::headers::{SESSION_ID, single};
use super::reply::{self, Refusal};
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::service::Session;

/// How to begin, for a client that did not.
const HOW_TO_BEGIN: &str = "No session: send `initialize` first and repeat its Mcp-Session-Id, or put \
    `_meta[\"io.modelcontextprotocol/protocolVersion\"]` in the request (2026-07-28)";

impl Endpoint {
    /// The session that the headers name.
    pub(super) fn session(&self, headers: &HeaderMap, id: Option<&Id>) -> Result<Session, Refusal> {
        let bad_request =
            |message: String| Refusal::bad_request(id, &RpcError::invalid_request(message));
        let token = single(headers, &SESSION_ID)
            .map_err(|unreadable| bad_request(unreadable.describe(&SESSION_ID)))?
            .ok_or_else(|| bad_request(HOW_TO_BEGIN.to_owned()))?;
        self.service.open_session(token).ok_or_else(|| {
            let message = "The session is unknown or over: send `initialize` again";
            let error = RpcError::invalid_request(message);
            Refusal::rpc(StatusCode::NOT_FOUND, id, &error)
        })
    }

    /// Ends a session: 204, or 405 if it cannot be ended before it expires.
    pub(super) fn delete(&self, headers: &HeaderMap) -> Result<Response<HttpBody>, Refusal> {
        let session = self.session(headers, None)?;
        if self.service.end_session(&session) {
            Ok(reply::empty(StatusCode::NO_CONTENT))
        } else {
            Err(Refusal::method_not_allowed("POST"))
        }
    }

    /// Tells the client the name of the session that `initialize` opened.
    pub(super) fn name_session(&self, session: &Session, headers: &mut HeaderMap) {
        let token = self.service.session_token(session);
        let Some(Ok(token)) = token.as_deref().map(HeaderValue::from_str) else {
            tracing::error!("the new session has no name for HTTP");
            return;
        };
        headers.insert(&SESSION_ID, token);
    }
}
