//! Sessions of the revisions with a handshake: the header that names one, the stream it can have beside its requests, and
//! how a client ends it.

use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::Endpoint;
use super::events::Events;
use super::headers::{LAST_EVENT_ID, SESSION_ID, check_version, promise_stateless, single};
use super::media::Formats;
use super::post::is_stateless;
use super::reply::{self, Rejection};
use super::response_body::HttpBody;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::session::Session;

/// How to begin, for a client that did not.
const HOW_TO_BEGIN: &str = "No session: send `initialize` first and repeat its Mcp-Session-Id, or put \
    `_meta[\"io.modelcontextprotocol/protocolVersion\"]` in the request (2026-07-28)";

impl Endpoint {
    /// The session that the headers name.
    pub(super) fn session(
        &self,
        headers: &HeaderMap,
        id: Option<&Id>,
    ) -> Result<Session, Rejection> {
        let bad_request =
            |message: String| Rejection::bad_request(id, &RpcError::invalid_request(message));
        let token = single(headers, &SESSION_ID)
            .map_err(bad_request)?
            .ok_or_else(|| bad_request(HOW_TO_BEGIN.to_owned()))?;
        self.tokens.open(token).ok_or_else(|| {
            let message = "The session is unknown or over: send `initialize` again";
            let error = RpcError::invalid_request(message);
            Rejection::rpc(StatusCode::NOT_FOUND, id, &error)
        })
    }

    /// The session that a message belongs to; `None` if it describes itself, opens a session, or names none.
    pub(super) fn session_of(
        &self,
        headers: &HeaderMap,
        message: &Message,
    ) -> Result<Option<Session>, Rejection> {
        let names_one = headers.contains_key(&SESSION_ID);
        // What cannot be read is dispatch's to refuse.
        let is_unreadable = message.params().is_err() && !names_one;
        if is_stateless(message) || promise_stateless(headers) || is_unreadable {
            return Ok(None);
        }
        let id = message.id();
        check_version(headers)
            .map_err(|message| Rejection::bad_request(id, &RpcError::invalid_request(message)))?;
        if !names_one || (id.is_some() && message.method() == "initialize") {
            return Ok(None);
        }
        self.session(headers, id).map(Some)
    }

    /// Returns the session of a GET or DELETE, methods that the stateless era does not have.
    fn session_without_message(&self, headers: &HeaderMap) -> Result<Session, Rejection> {
        if promise_stateless(headers) {
            return Err(Rejection::method_not_allowed("POST"));
        }
        check_version(headers)
            .map_err(|message| Rejection::new(StatusCode::BAD_REQUEST, message))?;
        self.session(headers, None)
    }

    /// GET: the stream of a session for what belongs to none of its requests, or the rest of one that was interrupted.
    pub(super) fn stream(&self, headers: &HeaderMap) -> Result<Response<HttpBody>, Rejection> {
        if !headers.contains_key(&SESSION_ID) {
            return Err(Rejection::method_not_allowed("POST"));
        }
        let session = self.session_without_message(headers)?;
        if !Formats::accepted(headers)?.events {
            return Err(Rejection::new(
                StatusCode::NOT_ACCEPTABLE,
                "A stream is events: Accept must list text/event-stream",
            ));
        }
        let last_event = single(headers, &LAST_EVENT_ID)
            .map_err(|message| Rejection::new(StatusCode::BAD_REQUEST, message))?;
        let resumed = last_event.and_then(|id| self.streams.resume(&session, id));
        let reader = resumed.or_else(|| self.streams.stand(&*self.service, &session));
        let reader = reader.ok_or_else(|| {
            let message = "The server is busy: too many clients listen; try again later";
            let error = RpcError::overloaded(message);
            Rejection::rpc(StatusCode::SERVICE_UNAVAILABLE, None, &error)
        })?;
        Ok(reply::events(Events::new(reader)))
    }

    /// Ends a session: 204, or 405 if it cannot be ended before it expires.
    pub(super) fn delete(&self, headers: &HeaderMap) -> Result<Response<HttpBody>, Rejection> {
        let session = self.session_without_message(headers)?;
        if self.tokens.end(&session) {
            self.service.end_session(&session);
            self.streams.forget(&session);
            Ok(reply::empty(StatusCode::NO_CONTENT))
        } else {
            Err(Rejection::method_not_allowed("POST"))
        }
    }

    /// Tells the client the name of the session that `initialize` opened.
    pub(super) fn name_session(&self, session: &Session, headers: &mut HeaderMap) {
        let token = self.tokens.seal(session);
        let Ok(Ok(token)) = token.as_deref().map(HeaderValue::from_str) else {
            // The client cannot use it, and has to begin anew.
            tracing::error!("the new session has no name for HTTP");
            return;
        };
        headers.insert(&SESSION_ID, token);
    }
}
