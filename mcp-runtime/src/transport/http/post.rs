//! POST requests: a message or a batch, answered with JSON or with events.

use std::error::Error;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::HeaderMap;
use hyper::http::Extensions;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::task::JoinSet;

use super::Endpoint;
use super::body;
use super::caller::Caller;
#[cfg(feature = "auth")]
use super::challenge::Challenge;
use super::ending::{self, Ending};
use super::event_stream::{EventStream, ResponseStart};
use super::events::{EventSource, Events, encode};
use super::headers::{RequestHeaders, check_version, declare_stateless};
use super::late_timer::LateTimer;
use super::media::{self, Formats};
use super::reply::{self, Rejection};
use super::response_body::HttpBody;
use super::unsent::{too_many_bytes, unsent};
use crate::owner::Owner;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, Refused, error_reply};
use crate::protocol::params::Params;
use crate::service::{
    CredentialsEnd, Exchange, Handling, Held, Origin, Outbound, Pending, Reply, TransportKind,
    UNCOUNTED,
};
use crate::session::Session;
use crate::transport::incoming::{self, Incoming, Replies};

/// The origin and session of a request, and the formats that its client accepts.
struct Sender {
    origin: Origin,
    session: Option<Session>,
    formats: Formats,
}

/// The client that receives a response.
struct Recipient {
    owner: Owner,
    /// The request of a session that is answered. A batch has several.
    request: Option<Arc<Message>>,
    formats: Formats,
    stateless: bool,
    /// What ends the validity of its credentials, for a subscription. A call that was authorized when it began is answered.
    end: Option<CredentialsEnd>,
}

impl Endpoint {
    /// Returns the origin of the messages of a request.
    pub(super) fn origin(
        &self,
        mut headers: HeaderMap,
        extensions: Extensions,
        caller: Caller,
    ) -> Origin {
        let forwarded = self.options.forwarded(caller.peer, &headers).map(Box::new);
        if !self.options.exposes_credentials {
            for name in &self.options.credentials {
                headers.remove(name);
            }
        }
        Origin {
            forwarded,
            headers: Some(Arc::new(RequestHeaders(headers))),
            principal: caller.principal,
            extensions,
            peer: caller.peer,
            connection: None,
            transport: TransportKind::Http,
            #[cfg(feature = "auth")]
            identity: caller.identity,
        }
    }

    /// Serves a message or a batch.
    pub(super) async fn post<B>(
        &self,
        parts: Parts,
        caller: Caller,
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
        let hold = || {
            let owner = Origin {
                principal: caller.principal.clone(),
                forwarded: self.options.forwarded(caller.peer, &headers).map(Box::new),
                peer: caller.peer,
                ..Origin::default()
            };
            self.service.budgets().received.held_by(owner.account())
        };
        let bytes = body::read(body, limits, hold).await?;
        let batch = if incoming::is_batch(&bytes) && !declare_stateless(&headers) {
            match self.session(&headers, &caller, None).await {
                Err(rejection) if rejection.is_unavailable() => return Err(rejection),
                session => session.ok(),
            }
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
            Incoming::One(message) => self.session_of(&headers, &caller, message).await?,
            Incoming::Batch(_) => batch,
        };
        let sender = Sender {
            origin: self.origin(headers, parts.extensions, caller),
            session,
            formats,
        };
        self.tell_replicas(sender.session.as_ref(), &sender.origin, &incoming)
            .await?;
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
        let owner = sender.origin.account();
        let Sender {
            origin,
            session,
            formats,
        } = sender;
        let stateless = is_stateless(&message);
        let listens = stateless && message.method() == "subscriptions/listen";
        let recipient = Recipient {
            owner,
            request: session.is_some().then(|| Arc::clone(&message)),
            formats,
            stateless,
            end: listens.then(|| origin.end()),
        };
        if listens && !formats.events {
            return Err(Rejection::new(
                StatusCode::NOT_ACCEPTABLE,
                "subscriptions/listen answers with events: Accept must list text/event-stream",
            ));
        }
        let stream = match &session {
            Some(session) => Some(self.streams.stream_of(&*self.service, session, &origin)),
            None if formats.events && asks_for_notifications(&message) => {
                Some(self.stream_of_call(&recipient))
            }
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
                _ => return Ok(self.answer(Vec::new(), reply, &recipient)),
            },
            Handling::Pending(pending) => {
                let Some(stream) = stream else {
                    return Ok(self.wait(pending, &recipient).await);
                };
                if session.is_some() {
                    let stream = Arc::clone(&stream);
                    tokio::spawn(async move { stream.finish(pending.await) });
                } else {
                    call = Some(pending);
                }
                stream
            }
        };
        let session = session.as_ref();
        Ok(self.follow(session, &stream, call, &recipient).await)
    }

    /// Returns a stream for the messages of a call without a session.
    fn stream_of_call(&self, recipient: &Recipient) -> Arc<EventStream> {
        EventStream::of_call(self.unsent(recipient))
    }

    /// Returns the share of a client in the budget of unsent messages.
    fn unsent(&self, recipient: &Recipient) -> Held {
        let budget = &self.service.budgets().unsent;
        budget.held_by(recipient.owner.clone())
    }

    /// Serves a batch of a session. The replies are sent together.
    async fn serve_batch(
        &self,
        sender: &Sender,
        messages: Vec<Result<Arc<Message>, Refused>>,
    ) -> Response<HttpBody> {
        let recipient = Recipient {
            owner: sender.origin.account(),
            request: None,
            formats: sender.formats,
            stateless: false,
            end: None,
        };
        let Sender {
            origin,
            session,
            formats,
        } = sender;
        let stream = match session {
            Some(session) => self.streams.stream_of(&*self.service, session, origin),
            None => self.stream_of_call(&recipient),
        };
        let outbound = Some(&stream).filter(|_| formats.events);
        let mut replies = Replies::new(self.unsent(&recipient));
        let mut pending = Vec::new();
        for message in messages {
            if let Ok(message) = &message
                && replies.refuse(message)
            {
                continue;
            }
            match message
                .map(|message| self.handle(origin.clone(), session.clone(), message, outbound))
            {
                Ok(Handling::Nothing) => {}
                Ok(Handling::Ready(reply)) => replies.push(&reply.text),
                Ok(Handling::Pending(call)) => pending.push(call),
                Err(Refused { id, error }) => replies.push(&error_reply(id.as_ref(), &error)),
            }
        }
        if replies.is_empty() && pending.is_empty() {
            return reply::empty(StatusCode::ACCEPTED);
        }
        tokio::spawn(finish_batch(pending, replies, Arc::clone(&stream)));
        self.follow(session.as_ref(), &stream, None, &recipient)
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
        recipient: &Recipient,
    ) -> Response<HttpBody> {
        let start = self.start_of(stream, &mut call, recipient.formats);
        match start.await {
            ResponseStart::Events => {
                if let Some(session) = session {
                    let owner = recipient.owner.clone();
                    let request = recipient.request.as_ref().and_then(|it| it.id()).cloned();
                    self.streams.keep(session, owner, stream, request);
                }
                self.events(EventSource::Local(stream.read(call)), recipient.end)
            }
            ResponseStart::Answer(sent, Some(reply)) => self.answer(sent, reply, recipient),
            ResponseStart::Answer(sent, None) => cancelled(&sent),
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

    /// Returns a future that completes when credentials expire or are revoked; `None` if neither can happen.
    #[cfg_attr(not(feature = "auth"), allow(clippy::unused_self))] // no caller has credentials
    fn ending(&self, end: CredentialsEnd) -> Option<Ending> {
        #[cfg(feature = "auth")]
        return ending::ending(end, self.revoked.as_ref());
        #[cfg(not(feature = "auth"))]
        ending::expiry(end.expires)
    }

    /// Returns the response with the reply of a call that sends no messages. It becomes an event stream if the call takes long.
    async fn wait(&self, mut call: Pending, recipient: &Recipient) -> Response<HttpBody> {
        let limit = self.service.limits().event_stream_after;
        let mut timer = recipient.formats.events.then(|| LateTimer::new(limit));
        let ended = poll_fn(|context| match (call.as_mut().poll(context), &mut timer) {
            (Poll::Ready(reply), _) => Poll::Ready(Some(reply)),
            (Poll::Pending, Some(timer)) => timer.poll(context).map(|()| None),
            (Poll::Pending, None) => Poll::Pending,
        });
        match ended.await {
            Some(Some(reply)) => self.answer(Vec::new(), reply, recipient),
            Some(None) => cancelled(&[]),
            None => {
                let stream = self.stream_of_call(recipient);
                self.events(EventSource::Local(stream.read(Some(call))), recipient.end)
            }
        }
    }

    /// Returns a response with the events of a stream, which ends with these credentials.
    pub(super) fn events(
        &self,
        source: EventSource,
        end: Option<CredentialsEnd>,
    ) -> Response<HttpBody> {
        let interval = self.service.limits().keep_alive;
        reply::events(Events::new(
            source,
            interval,
            end.and_then(|end| self.ending(end)),
        ))
    }

    /// Returns the response with a reply: as JSON, unless the call sent messages before or the client accepts only events.
    fn answer(
        &self,
        mut sent: Vec<String>,
        reply: Reply,
        recipient: &Recipient,
    ) -> Response<HttpBody> {
        let status = reply::status(reply.class, recipient.stateless);
        let as_events = !sent.is_empty() || !recipient.formats.json;
        let mut response = if as_events && status == StatusCode::OK {
            sent.push(reply.text);
            match self.count(encode(&sent), recipient) {
                Ok(events) => reply::finished_events(events),
                Err(_) => self.refuse_answer(sent.last().map_or("", String::as_str)),
            }
        } else {
            match self.count(reply.text, recipient) {
                Ok(text) => reply::json(status, text),
                Err(text) => self.refuse_answer(&text),
            }
        };
        #[cfg(feature = "auth")]
        if status == StatusCode::FORBIDDEN {
            let challenge = Challenge::InsufficientScope(reply.required_scopes);
            response.extensions_mut().insert(challenge);
        }
        reply::set_retry_after(&mut response, reply.class);
        if let Some(session) = &reply.opened {
            self.set_session_id(session, response.headers_mut());
        }
        response
    }
}

impl Endpoint {
    /// Counts a text as unsent. A long one is returned as an error if there are too many unsent bytes.
    #[inline]
    fn count(&self, text: String, recipient: &Recipient) -> Result<Bytes, String> {
        if text.len() <= UNCOUNTED {
            return Ok(text.into());
        }
        let mut held = self.unsent(recipient);
        if held.add(text.len()) {
            Ok(unsent(text, held))
        } else {
            Err(text)
        }
    }

    /// Returns the response to a request whose reply is too long to wait.
    fn refuse_answer(&self, reply: &str) -> Response<HttpBody> {
        self.service.metrics().refused("unsent_bytes");
        reply::json(StatusCode::SERVICE_UNAVAILABLE, too_many_bytes(reply))
    }
}

/// Returns the response to a call that was cancelled, so that there is no reply. A JSON body would have to be a reply: an event
/// stream is the only successful response that may be empty.
fn cancelled(sent: &[String]) -> Response<HttpBody> {
    reply::finished_events(encode(sent))
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
async fn finish_batch(pending: Vec<Pending>, mut replies: Replies, stream: Arc<EventStream>) {
    let mut calls: JoinSet<Option<Reply>> = pending.into_iter().collect();
    while let Some(ended) = calls.join_next().await {
        if let Ok(Some(reply)) = ended {
            replies.push(&reply.text);
        }
    }
    stream.finish(replies.take().map(Reply::new));
}
