//! Sessions of the revisions with a handshake: their header, their GET stream, and their end by DELETE.

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::Endpoint;
use super::caller::Caller;
use super::events::EventSource;
use super::headers::{LAST_EVENT_ID, SESSION_ID, check_version, declare_stateless, single};
use super::media::Formats;
use super::post::is_stateless;
use super::reply::{self, Rejection};
use super::response_body::HttpBody;
use super::stream_log::{Missed, Resumed};
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::service::Origin;
use crate::session::Session;

/// The error text for a client that has not started a session.
const NO_SESSION: &str = "No session: send `initialize` first and repeat its Mcp-Session-Id, or put \
    `_meta[\"io.modelcontextprotocol/protocolVersion\"]` in the request (2026-07-28)";

impl Endpoint {
    /// Returns the session that the headers of a request name. The sessions of other callers are unknown.
    pub(super) async fn session(
        &self,
        headers: &HeaderMap,
        caller: &Caller,
        id: Option<&Id>,
    ) -> Result<Session, Rejection> {
        let bad_request =
            |message: String| Rejection::bad_request(id, &RpcError::invalid_request(message));
        let token = single(headers, &SESSION_ID)
            .map_err(bad_request)?
            .ok_or_else(|| bad_request(NO_SESSION.to_owned()))?;
        let principal = caller.principal.as_ref();
        let session = match self.service.cluster() {
            Some(cluster) => self.open_shared(cluster, token, principal).await?,
            None => self.tokens.open(token, principal),
        };
        session.ok_or_else(|| {
            let message = "The session is unknown or has ended: send `initialize` again";
            let error = RpcError::invalid_request(message);
            Rejection::rpc(StatusCode::NOT_FOUND, id, &error)
        })
    }

    /// Returns the session of a message; `None` if the message is stateless, opens a session, or names no session.
    pub(super) async fn session_of(
        &self,
        headers: &HeaderMap,
        caller: &Caller,
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
        self.session(headers, caller, id).await.map(Some)
    }

    /// Returns the session of a GET or DELETE request. The stateless era does not have these methods.
    async fn session_without_message(
        &self,
        headers: &HeaderMap,
        caller: &Caller,
    ) -> Result<Session, Rejection> {
        if declare_stateless(headers) {
            return Err(Rejection::method_not_allowed("POST"));
        }
        check_version(headers)
            .map_err(|message| Rejection::new(StatusCode::BAD_REQUEST, message))?;
        self.session(headers, caller, None).await
    }

    /// Answers a GET request with the stream for messages that belong to no request of the session, or with the rest of an
    /// interrupted stream.
    pub(super) async fn stream(
        self: &Arc<Self>,
        parts: Parts,
        caller: Caller,
    ) -> Result<Response<HttpBody>, Rejection> {
        let headers = &parts.headers;
        if !headers.contains_key(&SESSION_ID) {
            return Err(Rejection::method_not_allowed("POST"));
        }
        let session = self.session_without_message(headers, &caller).await?;
        if !Formats::accepted(headers)?.events {
            return Err(Rejection::new(
                StatusCode::NOT_ACCEPTABLE,
                "A stream consists of events: Accept must list text/event-stream",
            ));
        }
        let last_event = single(headers, &LAST_EVENT_ID)
            .map_err(|message| Rejection::new(StatusCode::BAD_REQUEST, message))?;
        let last_event = last_event.map(str::to_owned);
        let origin = self.origin(parts.headers, parts.extensions, caller);
        let end = origin.end();
        let source = self.source(&session, origin, last_event.as_deref());
        Ok(self.events(source.await?, Some(end)))
    }

    /// Returns the stream with the event that a client had last, or a new GET stream if there is none.
    async fn source(
        self: &Arc<Self>,
        session: &Session,
        origin: Origin,
        last_event: Option<&str>,
    ) -> Result<EventSource, Rejection> {
        let mut missed = Missed::default();
        if let Some(id) = last_event {
            if let Some(reader) = self.streams.resume(session, id) {
                self.tell_resumed(session, id);
                return Ok(EventSource::Local(reader));
            }
            let followed = self.streams.follow(&*self.service, session, &origin, id);
            match followed.await.map_err(|error| Rejection::of(&error))? {
                Resumed::Rest(rest) => {
                    self.tell_resumed(session, id);
                    return Ok(EventSource::Logged(rest));
                }
                Resumed::New(other) => missed = other,
            }
        }
        let Some(cluster) = self.service.cluster() else {
            let streams = &self.streams;
            let opened = streams.open_get_stream(&*self.service, session, &origin);
            let reader = opened.map_err(|error| Rejection::of(&error))?;
            return Ok(EventSource::Local(reader));
        };
        let opened = self.open_only_get_stream(cluster, session, &origin).await?;
        let reader = self.catch_up(cluster, session, &origin, missed, opened);
        Ok(EventSource::Local(reader.await?))
    }

    /// Ends a session: 204, or 405 if the session cannot be ended before it expires.
    pub(super) async fn delete(
        &self,
        parts: Parts,
        caller: Caller,
    ) -> Result<Response<HttpBody>, Rejection> {
        let session = self
            .session_without_message(&parts.headers, &caller)
            .await?;
        let origin = self.origin(parts.headers, parts.extensions, caller);
        if let Some(cluster) = self.service.cluster() {
            self.end_shared(cluster, &session, &origin).await?;
            return Ok(reply::empty(StatusCode::NO_CONTENT));
        }
        if self.tokens.end(&session, origin.account()) {
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
