//! Sessions of the revisions with a handshake: their header, their GET stream, and their end by DELETE.

use std::net::SocketAddr;

use hyper::header::{HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::Endpoint;
use super::headers::{LAST_EVENT_ID, SESSION_ID, check_version, declare_stateless, single};
use super::media::Formats;
use super::post::{is_stateless, origin};
use super::reply::{self, Rejection};
use super::response_body::HttpBody;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::session::Session;

/// The error text for a client that has not started a session.
const NO_SESSION: &str = "No session: send `initialize` first and repeat its Mcp-Session-Id, or put \
    `_meta[\"io.modelcontextprotocol/protocolVersion\"]` in the request (2026-07-28)";

impl Endpoint {
    /// Returns the session that the headers name.
    pub(super) fn session(
        &self,
        headers: &HeaderMap,
        id: Option<&Id>,
    ) -> Result<Session, Rejection> {
        let bad_request =
            |message: String| Rejection::bad_request(id, &RpcError::invalid_request(message));
        let token = single(headers, &SESSION_ID)
            .map_err(bad_request)?
            .ok_or_else(|| bad_request(NO_SESSION.to_owned()))?;
        self.tokens.open(token).ok_or_else(|| {
            let message = "The session is unknown or has ended: send `initialize` again";
            let error = RpcError::invalid_request(message);
            Rejection::rpc(StatusCode::NOT_FOUND, id, &error)
        })
    }

    /// Returns the session of a message; `None` if the message is stateless, opens a session, or names no session.
    pub(super) fn session_of(
        &self,
        headers: &HeaderMap,
        message: &Message,
    ) -> Result<Option<Session>, Rejection> {
        let names_session = headers.contains_key(&SESSION_ID);
        // Dispatch refuses unreadable parameters.
        let is_unreadable = message.params().is_err() && !names_session;
        if is_stateless(message) || declare_stateless(headers) || is_unreadable {
            return Ok(None);
        }
        let id = message.id();
        check_version(headers)
            .map_err(|message| Rejection::bad_request(id, &RpcError::invalid_request(message)))?;
        if !names_session || (id.is_some() && message.method() == "initialize") {
            return Ok(None);
        }
        self.session(headers, id).map(Some)
    }

    /// Returns the session of a GET or DELETE request. The stateless era does not have these methods.
    fn session_without_message(&self, headers: &HeaderMap) -> Result<Session, Rejection> {
        if declare_stateless(headers) {
            return Err(Rejection::method_not_allowed("POST"));
        }
        check_version(headers)
            .map_err(|message| Rejection::new(StatusCode::BAD_REQUEST, message))?;
        self.session(headers, None)
    }

    /// Answers a GET request with the stream for messages that belong to no request of the session, or with the rest of an
    /// interrupted stream.
    pub(super) fn stream(
        &self,
        parts: Parts,
        peer: Option<SocketAddr>,
    ) -> Result<Response<HttpBody>, Rejection> {
        let headers = &parts.headers;
        if !headers.contains_key(&SESSION_ID) {
            return Err(Rejection::method_not_allowed("POST"));
        }
        let session = self.session_without_message(headers)?;
        if !Formats::accepted(headers)?.events {
            return Err(Rejection::new(
                StatusCode::NOT_ACCEPTABLE,
                "A stream consists of events: Accept must list text/event-stream",
            ));
        }
        let last_event = single(headers, &LAST_EVENT_ID)
            .map_err(|message| Rejection::new(StatusCode::BAD_REQUEST, message))?;
        let resumed = last_event.and_then(|id| self.streams.resume(&session, id));
        let reader = resumed.or_else(|| {
            let origin = origin(parts.headers.clone(), parts.extensions.clone(), peer);
            self.streams
                .open_get_stream(&*self.service, &session, &origin)
        });
        let reader = reader.ok_or_else(|| {
            let message = if self.service.is_stopping() {
                "The server is stopping: open the stream again later"
            } else {
                "The server is busy: too many clients are listening; try again later"
            };
            let error = RpcError::overloaded(message);
            Rejection::rpc(StatusCode::SERVICE_UNAVAILABLE, None, &error)
        })?;
        Ok(self.events(reader))
    }

    /// Ends a session: 204, or 405 if the session cannot be ended before it expires.
    pub(super) fn delete(&self, headers: &HeaderMap) -> Result<Response<HttpBody>, Rejection> {
        let session = self.session_without_message(headers)?;
        if self.tokens.end(&session) {
            self.service.end_session(&session);
            self.service.forget_session(&session);
            self.streams.forget(&session);
            Ok(reply::empty(StatusCode::NO_CONTENT))
        } else {
            Err(Rejection::method_not_allowed("POST"))
        }
    }

    /// Sets the header with the id of the session that `initialize` opened.
    pub(super) fn set_session_id(&self, session: &Session, headers: &mut HeaderMap) {
        let token = self.tokens.seal(session);
        let Ok(Ok(token)) = token.as_deref().map(HeaderValue::from_str) else {
            // Without its id the client cannot use the session, and has to start another one.
            tracing::error!("the id of the new session could not be created");
            return;
        };
        headers.insert(&SESSION_ID, token);
    }
}
