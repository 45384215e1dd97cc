//! POST requests: a message or a batch, answered with JSON or with events.

use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Body;
use hyper::header::HeaderMap;
use hyper::http::Extensions;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::task::JoinSet;

use super::Endpoint;
use super::body;
use super::event_stream::{EventStream, ResponseStart, StreamReader};
use super::events::Events;
use super::headers::{RequestHeaders, check_version, declare_stateless};
use super::media::{self, Formats};
use super::reply::{self, Rejection};
use super::response_body::HttpBody;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, Refused, error_reply};
use crate::protocol::params::Params;
use crate::service::{Exchange, Handling, Origin, Outbound, Pending, Reply, TransportKind};
use crate::session::Session;
use crate::transport::incoming::{self, Incoming, join};

/// The origin and session of a request, and the formats that its client accepts.
struct Sender {
    origin: Origin,
    session: Option<Session>,
    formats: Formats,
}

/// Returns the origin of the messages of a request.
pub(super) fn origin(
    headers: HeaderMap,
    extensions: Extensions,
    peer: Option<SocketAddr>,
) -> Origin {
    Origin {
        headers: Some(Arc::new(RequestHeaders(headers))),
        principal: extensions.get().cloned(),
        extensions,
        peer,
        connection: None,
        transport: TransportKind::Http,
    }
}

impl Endpoint {
    /// Serves a message or a batch.
    pub(super) async fn post<B>(
        &self,
        parts: Parts,
        peer: Option<SocketAddr>,
        body: B,
    ) -> Result<Response<HttpBody>, Rejection>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let headers = parts.headers;
        media::require_json(&headers)?;
        let formats = Formats::accepted(&headers)?;
        let limits = self.service.limits();
        let bytes = body::read(body, limits).await?;
        let batch = if incoming::is_batch(&bytes) && !declare_stateless(&headers) {
            self.session(&headers, None).ok()
        } else {
            None
        };
        if batch.is_some() {
            check_version(&headers).map_err(|message| {
                Rejection::bad_request(None, &RpcError::invalid_request(message))
            })?;
        }
        let incoming = incoming::read(bytes, limits.depth, batch.as_ref())
            .map_err(|refused| Rejection::bad_request(refused.id.as_ref(), &refused.error))?;
        let session = match &incoming {
            Incoming::One(message) => self.session_of(&headers, message)?,
            Incoming::Batch(_) => batch,
        };
        let sender = Sender {
            origin: origin(headers, parts.extensions, peer),
            session,
            formats,
        };
        match incoming {
            Incoming::One(message) => self.serve_one(sender, message).await,
            Incoming::Batch(messages) => Ok(self.serve_batch(&sender, messages).await),
        }
    }

    /// Serves one message.
    ///
    /// A call without a session is dropped together with its response. A call of a session continues after a disconnect, and
    /// the client can reconnect to read the remaining events.
    async fn serve_one(
        &self,
        sender: Sender,
        message: Arc<Message>,
    ) -> Result<Response<HttpBody>, Rejection> {
        let Sender {
            origin,
            session,
            formats,
        } = sender;
        let stateless = is_stateless(&message);
        if stateless && message.method() == "subscriptions/listen" && !formats.events {
            return Err(Rejection::new(
                StatusCode::NOT_ACCEPTABLE,
                "subscriptions/listen answers with events: Accept must list text/event-stream",
            ));
        }
        let stream = match &session {
            Some(session) => Some(EventStream::of_session(session)),
            None if formats.events && asks_for_notifications(&message) => Some(Arc::default()),
            None => None,
        };
        let mut call = None;
        let stream = match self.handle(
            origin,
            session.clone(),
            message,
            stream.as_ref().filter(|_| formats.events),
        ) {
            Handling::Nothing => return Ok(reply::empty(StatusCode::ACCEPTED)),
            Handling::Ready(reply) => match stream {
                Some(stream) if !stream.is_empty() => {
                    stream.finish(Some(reply));
                    stream
                }
                _ => return Ok(self.answer(Vec::new(), reply, formats, stateless)),
            },
            Handling::Pending(pending) => {
                let stream = stream.unwrap_or_default();
                if session.is_some() {
                    let stream = Arc::clone(&stream);
                    tokio::spawn(async move { stream.finish(pending.await) });
                } else {
                    call = Some(pending);
                }
                stream
            }
        };
        Ok(self
            .follow(session.as_ref(), &stream, call, formats, stateless)
            .await)
    }

    /// Serves a batch of a session. The replies are sent together.
    async fn serve_batch(
        &self,
        sender: &Sender,
        messages: Vec<Result<Arc<Message>, Refused>>,
    ) -> Response<HttpBody> {
        let Sender {
            origin,
            session,
            formats,
        } = sender;
        let stream = session
            .as_ref()
            .map(EventStream::of_session)
            .unwrap_or_default();
        let outbound = Some(&stream).filter(|_| formats.events);
        let mut replies = Vec::new();
        let mut pending = Vec::new();
        for message in messages {
            match message
                .map(|message| self.handle(origin.clone(), session.clone(), message, outbound))
            {
                Ok(Handling::Nothing) => {}
                Ok(Handling::Ready(reply)) => replies.push(reply.text),
                Ok(Handling::Pending(call)) => pending.push(call),
                Err(Refused { id, error }) => replies.push(error_reply(id.as_ref(), &error)),
            }
        }
        if replies.is_empty() && pending.is_empty() {
            return reply::empty(StatusCode::ACCEPTED);
        }
        tokio::spawn(finish_batch(pending, replies, Arc::clone(&stream)));
        self.follow(session.as_ref(), &stream, None, *formats, false)
            .await
    }

    /// Passes a message to the service. Messages that are sent while it is served go into `stream`, or are discarded without
    /// one.
    fn handle(
        &self,
        origin: Origin,
        session: Option<Session>,
        message: Arc<Message>,
        stream: Option<&Arc<EventStream>>,
    ) -> Handling {
        let outbound: Arc<dyn Outbound> = match stream {
            Some(stream) => Arc::clone(stream) as _,
            None => Arc::clone(&self.discard),
        };
        self.service.handle(Exchange {
            message,
            origin,
            session,
            outbound,
        })
    }

    /// Waits until the format of the response is known, and returns the response.
    ///
    /// A call that takes long becomes an event stream, with comments that keep the connection alive. The status is then 200,
    /// whatever the reply.
    async fn follow(
        &self,
        session: Option<&Session>,
        stream: &Arc<EventStream>,
        mut call: Option<Pending>,
        formats: Formats,
        stateless: bool,
    ) -> Response<HttpBody> {
        match self.start_of(stream, &mut call, formats).await {
            ResponseStart::Events => {
                if let Some(session) = session {
                    self.streams.keep(session, stream);
                }
                self.events(stream.read(call))
            }
            ResponseStart::Answer(sent, Some(reply)) => {
                self.answer(sent, reply, formats, stateless)
            }
            // The call was cancelled, so there is no reply. A JSON body would have to be a reply: an event stream is the
            // only successful response that may be empty.
            ResponseStart::Answer(sent, None) => reply::finished_events(&sent),
        }
    }

    async fn start_of(
        &self,
        stream: &EventStream,
        call: &mut Option<Pending>,
        formats: Formats,
    ) -> ResponseStart {
        let start = poll_fn(|context| stream.poll_start(call, context));
        if !formats.events {
            return start.await;
        }
        let limit = self.service.limits().event_stream_after;
        let start = tokio::time::timeout(limit, start).await;
        start.unwrap_or(ResponseStart::Events)
    }

    /// Returns a response with the events of a stream.
    pub(super) fn events(&self, reader: StreamReader) -> Response<HttpBody> {
        reply::events(Events::new(reader, self.service.limits().keep_alive))
    }

    /// Returns the response with a reply: as JSON, unless the call sent messages before or the client accepts only events.
    fn answer(
        &self,
        mut sent: Vec<String>,
        reply: Reply,
        formats: Formats,
        stateless: bool,
    ) -> Response<HttpBody> {
        let status = reply::status(reply.class, stateless);
        let as_events = !sent.is_empty() || !formats.json;
        let mut response = if as_events && status == StatusCode::OK {
            sent.push(reply.text);
            reply::finished_events(&sent)
        } else {
            reply::json(status, reply.text)
        };
        if let Some(session) = &reply.opened {
            self.set_session_id(session, response.headers_mut());
        }
        response
    }
}

/// Returns `true` if a message carries all metadata of its client, as messages of the stateless era do.
pub(super) fn is_stateless(message: &Message) -> bool {
    let params = message.params();
    params.is_ok_and(|params| params.meta().is_stateless())
}

/// Returns `true` if a request asks for notifications during the call.
fn asks_for_notifications(message: &Message) -> bool {
    let in_meta = |params: Params<'_>| {
        let meta = params.meta();
        matches!(meta.progress_token(), Ok(Some(_))) || matches!(meta.log_level(), Ok(Some(_)))
    };
    message.method() == "subscriptions/listen" || message.params().is_ok_and(in_meta)
}

/// Runs the calls of a batch concurrently. Their replies and the existing ones go into the stream together.
async fn finish_batch(pending: Vec<Pending>, mut replies: Vec<String>, stream: Arc<EventStream>) {
    let mut calls: JoinSet<Option<Reply>> = pending.into_iter().collect();
    while let Some(ended) = calls.join_next().await {
        replies.extend(ended.ok().flatten().map(|reply| reply.text));
    }
    stream.finish(join(&replies).map(Reply::new));
}
