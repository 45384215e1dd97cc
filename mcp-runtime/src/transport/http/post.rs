//! POST: one message in, its answer out, as JSON or as events.

use std::error::Error;
use std::future::poll_fn;
use std::sync::Arc;

use hyper::body::Body;
use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};

use super::Endpoint;
use super::body::{self, HttpBody};
use super::era::{self, Era, check_version};
use super::events::Events;
use super::headers::RequestHeaders;
use super::log::{Beginning, Log};
use super::media::{self, Formats};
use super::outbox::Outbox;
use super::reply::{self, Refusal};
use super::running::{Running, Step};
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, Refused, error_reply};
use crate::service::{Exchange, Handling, Outbound, Reply, RequestKey};
use crate::session::Session;
use crate::transport::incoming::{self, Incoming};

fn exchange(
    message: Message,
    session: Option<Session>,
    headers: HeaderMap,
    outbound: Arc<dyn Outbound>,
) -> Exchange {
    Exchange {
        message,
        session,
        headers: Some(Arc::new(RequestHeaders(headers))),
        outbound,
    }
}

impl Endpoint {
    /// Serves one message.
    pub(super) async fn post<B>(
        &self,
        headers: HeaderMap,
        body: B,
    ) -> Result<Response<HttpBody>, Refusal>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        media::require_json(&headers)?;
        let formats = Formats::accepted(&headers)?;
        let limits = self.service.limits();
        let bytes = body::read(body, limits).await?;
        if incoming::is_batch(&bytes)
            && let Ok(session) = self.session(&headers, None)
        {
            return self.batch(headers, bytes, &session, formats).await;
        }
        let message = Message::parse(bytes, limits.depth)
            .map_err(|refused| Refusal::bad_request(refused.id.as_ref(), &refused.error))?;
        let era = self.era(&headers, &message)?;
        self.serve(headers, message, era, formats).await
    }

    async fn serve(
        &self,
        headers: HeaderMap,
        message: Message,
        era: Era,
        formats: Formats,
    ) -> Result<Response<HttpBody>, Refusal> {
        match era {
            Era::Stateless => self.serve_stateless(headers, message, formats).await,
            // The answer names the session in a header, which cannot follow events.
            Era::Handshake => {
                let outbound = Arc::clone(&self.silent);
                let handling = self
                    .service
                    .handle(exchange(message, None, headers, outbound));
                Ok(match handling {
                    Handling::Ready(reply) => self.answer(Vec::new(), reply, formats, false),
                    Handling::Nothing | Handling::Pending(_) => reply::empty(StatusCode::ACCEPTED),
                })
            }
            Era::Session(session) => {
                Ok(self.serve_session(headers, message, session, formats).await)
            }
        }
    }

    /// Serves a message that describes itself. If the response is dropped, its call is.
    async fn serve_stateless(
        &self,
        headers: HeaderMap,
        message: Message,
        formats: Formats,
    ) -> Result<Response<HttpBody>, Refusal> {
        if message.method() == "subscriptions/listen" && !formats.events {
            return Err(Refusal::new(
                StatusCode::NOT_ACCEPTABLE,
                "subscriptions/listen answers with events: Accept must list text/event-stream",
            ));
        }
        let outbox = formats.events.then(Arc::<Outbox>::default);
        let outbound: Arc<dyn Outbound> = match &outbox {
            Some(outbox) => Arc::clone(outbox) as _,
            None => Arc::clone(&self.silent),
        };
        let handling = self
            .service
            .handle(exchange(message, None, headers, outbound));
        Ok(match handling {
            Handling::Nothing => reply::empty(StatusCode::ACCEPTED),
            Handling::Ready(reply) => {
                let sent = outbox.map(|outbox| outbox.close()).unwrap_or_default();
                self.answer(sent, reply, formats, true)
            }
            Handling::Pending(pending) => {
                let mut running = Running::new(pending.future, outbox);
                match running.step().await {
                    Step::Sent(messages) => reply::events(Events::of_call(&messages, running)),
                    Step::Over(sent, reply) => self.answer(sent, reply, formats, true),
                }
            }
        })
    }

    /// Serves a message of a session. Its call goes on if the response is dropped, and the client can come back for
    /// the rest of what was sent as events.
    async fn serve_session(
        &self,
        headers: HeaderMap,
        message: Message,
        session: Session,
        formats: Formats,
    ) -> Response<HttpBody> {
        let key = self.enter(&session, &message);
        let log = Arc::new(Log::new(session.revision.features().primed_streams));
        let outbound = self.outbound(&log, formats);
        let known = Some(Arc::clone(&session));
        let handling = self
            .service
            .handle(exchange(message, known, headers, outbound));
        match (handling, key) {
            (Handling::Ready(reply), _) => log.finish(Some(reply)),
            (Handling::Pending(pending), Some(key)) => {
                self.calls.run(key, pending, Arc::clone(&log));
            }
            (Handling::Nothing | Handling::Pending(_), _) => {
                return reply::empty(StatusCode::ACCEPTED);
            }
        }
        self.follow(&session, &log, formats).await
    }

    /// Serves several messages of a session that came as one.
    async fn batch(
        &self,
        headers: HeaderMap,
        bytes: Vec<u8>,
        session: &Session,
        formats: Formats,
    ) -> Result<Response<HttpBody>, Refusal> {
        check_version(&headers)
            .map_err(|message| Refusal::bad_request(None, &RpcError::invalid_request(message)))?;
        let depth = self.service.limits().depth;
        let refuse = |refused: Refused| Refusal::bad_request(refused.id.as_ref(), &refused.error);
        let messages = match incoming::read(bytes, depth, Some(session)).map_err(refuse)? {
            Incoming::One(message) => vec![Ok(message)],
            Incoming::Batch(messages) => messages,
        };
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
            let key = self.enter(session, &message);
            let outbound = self.outbound(&log, formats);
            let known = Some(Arc::clone(session));
            let exchange = exchange(message, known, headers.clone(), outbound);
            match (self.service.handle(exchange), key) {
                (Handling::Ready(reply), _) => replies.push(reply.text),
                (Handling::Pending(call), Some(key)) => pending.push((key, call)),
                (Handling::Nothing | Handling::Pending(_), _) => {}
            }
        }
        if replies.is_empty() && pending.is_empty() {
            return Ok(reply::empty(StatusCode::ACCEPTED));
        }
        self.calls.run_batch(pending, replies, Arc::clone(&log));
        Ok(self.follow(session, &log, formats).await)
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

    /// The key of a request of a session. A cancellation is carried out.
    fn enter(&self, session: &Session, message: &Message) -> Option<RequestKey> {
        if message.method() == "notifications/cancelled"
            && let Some(id) = message.params().ok().and_then(|params| params.request_id())
        {
            self.calls.cancel(&(session.nonce, id));
        }
        era::id(message).map(|id| (session.nonce, id.clone()))
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
