//! POST: one message in, its answer out, as JSON or as events.

use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Body;
use hyper::http::Extensions;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::task::JoinSet;

use super::Endpoint;
use super::body;
use super::events::Events;
use super::headers::{RequestHeaders, check_version};
use super::log::{Beginning, Log};
use super::media::{self, Formats};
use super::outbox::Outbox;
use super::reply::{self, Refusal};
use super::response_body::HttpBody;
use super::running::{Running, Step};
use crate::protocol::HeaderSource;
use crate::protocol::error::{Class, RpcError};
use crate::protocol::jsonrpc::{Message, Refused, error_reply};
use crate::service::{Exchange, Handling, Origin, Outbound, Pending, Reply};
use crate::session::Session;
use crate::transport::incoming::{self, Incoming, join};

/// What a request tells of its sender.
struct Sender {
    headers: Arc<dyn HeaderSource>,
    extensions: Extensions,
    peer: Option<SocketAddr>,
    formats: Formats,
}

impl Sender {
    fn exchange(
        self,
        message: Arc<Message>,
        session: Option<Session>,
        outbound: Arc<dyn Outbound>,
    ) -> Exchange {
        let origin = Origin {
            headers: Some(self.headers),
            extensions: self.extensions,
            peer: self.peer,
            ..Origin::default()
        };
        Exchange {
            message,
            origin,
            session,
            outbound,
        }
    }

    /// The same sender, of another message in a batch.
    fn again(&self) -> Self {
        Self {
            headers: Arc::clone(&self.headers),
            extensions: self.extensions.clone(),
            peer: self.peer,
            formats: self.formats,
        }
    }
}

impl Endpoint {
    /// Serves one message.
    pub(super) async fn post<B>(
        &self,
        parts: Parts,
        peer: Option<SocketAddr>,
        body: B,
    ) -> Result<Response<HttpBody>, Refusal>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let headers = parts.headers;
        media::require_json(&headers)?;
        let formats = Formats::accepted(&headers)?;
        let limits = self.service.limits();
        let bytes = body::read(body, limits).await?;
        let batch = if incoming::is_batch(&bytes) {
            self.session(&headers, None).ok()
        } else {
            None
        };
        if batch.is_some() {
            check_version(&headers).map_err(|message| {
                Refusal::bad_request(None, &RpcError::invalid_request(message))
            })?;
        }
        let incoming = incoming::read(bytes, limits.depth, batch.as_ref())
            .map_err(|refused| Refusal::bad_request(refused.id.as_ref(), &refused.error))?;
        let session = match &incoming {
            Incoming::One(message) => self.session_of(&headers, message)?,
            Incoming::Batch(_) => batch,
        };
        let sender = Sender {
            headers: Arc::new(RequestHeaders(headers)),
            extensions: parts.extensions,
            peer,
            formats,
        };
        match (incoming, session) {
            (Incoming::One(message), None) => self.serve_alone(sender, message).await,
            (Incoming::One(message), Some(session)) => {
                Ok(self.serve_in_session(sender, message, session).await)
            }
            (Incoming::Batch(messages), session) => {
                Ok(self.serve_batch(sender, messages, session).await)
            }
        }
    }

    /// Serves a message that belongs to no session. If the response is dropped, its call is.
    async fn serve_alone(
        &self,
        sender: Sender,
        message: Arc<Message>,
    ) -> Result<Response<HttpBody>, Refusal> {
        let formats = sender.formats;
        let stateless = message.is_stateless();
        if stateless && message.method() == "subscriptions/listen" && !formats.events {
            return Err(Refusal::new(
                StatusCode::NOT_ACCEPTABLE,
                "subscriptions/listen answers with events: Accept must list text/event-stream",
            ));
        }
        let sends = formats.events && message.asks_for_notifications();
        let outbox = sends.then(Arc::<Outbox>::default);
        let outbound: Arc<dyn Outbound> = match &outbox {
            Some(outbox) => Arc::clone(outbox) as _,
            None => Arc::clone(&self.silent),
        };
        let exchange = sender.exchange(message, None, outbound);
        Ok(match self.service.handle(exchange) {
            Handling::Nothing => reply::empty(StatusCode::ACCEPTED),
            Handling::Ready(reply) => {
                let sent = outbox.map(|outbox| outbox.close()).unwrap_or_default();
                self.answer(sent, reply, formats, stateless)
            }
            Handling::Pending(pending) => {
                let mut running = Running::new(pending, outbox);
                match running.step().await {
                    Step::Sent(messages) => reply::events(Events::of_call(&messages, running)),
                    Step::Over(sent, Some(reply)) => self.answer(sent, reply, formats, stateless),
                    Step::Over(sent, None) => reply::finished_events(&sent),
                }
            }
        })
    }

    /// Serves a message of a session. Its call goes on if the response is dropped, and the client can come back for
    /// the rest of what was sent as events.
    async fn serve_in_session(
        &self,
        sender: Sender,
        message: Arc<Message>,
        session: Session,
    ) -> Response<HttpBody> {
        let formats = sender.formats;
        let log = Arc::new(Log::new(session.revision.features().primed_streams));
        let outbound = self.outbound(&log, formats);
        let exchange = sender.exchange(message, Some(Arc::clone(&session)), outbound);
        match self.service.handle(exchange) {
            Handling::Nothing => return reply::empty(StatusCode::ACCEPTED),
            Handling::Ready(reply) if log.is_untouched() => {
                return self.answer(Vec::new(), reply, formats, false);
            }
            Handling::Ready(reply) => log.finish(Some(reply)),
            Handling::Pending(pending) => {
                let log = Arc::clone(&log);
                tokio::spawn(async move { log.finish(pending.await) });
            }
        }
        self.follow(&session, &log, formats).await
    }

    /// Serves several messages of a session that came as one. Their answers go out together.
    async fn serve_batch(
        &self,
        sender: Sender,
        messages: Vec<Result<Arc<Message>, Refused>>,
        session: Option<Session>,
    ) -> Response<HttpBody> {
        let Some(session) = session else {
            return reply::empty(StatusCode::ACCEPTED);
        };
        let formats = sender.formats;
        let log = Arc::new(Log::new(session.revision.features().primed_streams));
        let mut replies = Vec::new();
        let mut pending = Vec::new();
        for message in messages {
            let message = match message {
                Ok(message) => message,
                Err(Refused { id, error }) => {
                    replies.push(error_reply(id.as_ref(), &error));
                    continue;
                }
            };
            let outbound = self.outbound(&log, formats);
            let session = Some(Arc::clone(&session));
            let exchange = sender.again().exchange(message, session, outbound);
            match self.service.handle(exchange) {
                Handling::Nothing => {}
                Handling::Ready(reply) => replies.push(reply.text),
                Handling::Pending(call) => pending.push(call),
            }
        }
        if replies.is_empty() && pending.is_empty() {
            return reply::empty(StatusCode::ACCEPTED);
        }
        tokio::spawn(finish_batch(pending, replies, Arc::clone(&log)));
        self.follow(&session, &log, formats).await
    }

    /// Where messages of a session's request go.
    fn outbound(&self, log: &Arc<Log>, formats: Formats) -> Arc<dyn Outbound> {
        if formats.events {
            Arc::clone(log) as _
        } else {
            Arc::clone(&self.silent)
        }
    }

    /// Waits for how the answer to a request of a session begins, and answers so.
    async fn follow(
        &self,
        session: &Session,
        log: &Arc<Log>,
        formats: Formats,
    ) -> Response<HttpBody> {
        match poll_fn(|context| log.poll_beginning(context)).await {
            Beginning::Events => {
                self.streams.keep(session, log);
                reply::events(Events::of_log(log.read()))
            }
            Beginning::Answer(Some(reply)) => self.answer(Vec::new(), reply, formats, false),
            // It was cancelled. There is no answer to send, and a JSON body would have to be one: a stream of
            // events that ends is the one success that may be empty.
            Beginning::Answer(None) => reply::finished_events(&[]),
        }
    }

    /// Writes an answer: JSON, unless the call sent messages before or the client accepts nothing but events.
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
            self.name_session(session, response.headers_mut());
        }
        response
    }
}

/// Runs the calls of a batch side by side. Their answers, and those that there are already, go into the log together.
async fn finish_batch(pending: Vec<Pending>, mut replies: Vec<String>, log: Arc<Log>) {
    let mut calls: JoinSet<Option<Reply>> = pending.into_iter().collect();
    while let Some(ended) = calls.join_next().await {
        replies.extend(ended.ok().flatten().map(|reply| reply.text));
    }
    let answer = join(&replies);
    log.finish(answer.map(|answer| Reply::new(answer, Class::Answered)));
}
