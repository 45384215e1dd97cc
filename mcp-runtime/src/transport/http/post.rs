//! POST: one message in, its answer out, as JSON or as events.

use std::error::Error;
use std::sync::Arc;

use hyper::body::Body;
use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};

use super::Endpoint;
use super::body::{self, HttpBody};
use super::era::{self, Era};
use super::events::Events;
use super::headers::RequestHeaders;
use super::media::{self, Formats};
use super::outbox::Outbox;
use super::reply::{self, Refusal};
use super::running::{Running, Step};
use crate::protocol::jsonrpc::Message;
use crate::service::{Exchange, Handling, Outbound, Reply, RequestKey, Session};

/// How an answer is to be written.
#[derive(Clone, Copy)]
struct Style {
    formats: Formats,
    stateless: bool,
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
        let style = Style {
            formats,
            stateless: matches!(era, Era::Stateless),
        };
        // The answer to a handshake names the session in a header, which cannot follow events.
        let speaks = formats.events && !matches!(era, Era::Handshake);
        let outbox = speaks.then(Arc::<Outbox>::default);
        let outbound: Arc<dyn Outbound> = match &outbox {
            Some(outbox) => Arc::clone(outbox) as _,
            None => Arc::clone(&self.silent),
        };
        let session = match era {
            Era::Session(session) => Some(session),
            Era::Stateless | Era::Handshake => None,
        };
        let key = session
            .as_ref()
            .and_then(|session| self.enter(session, &message));
        let handling = self.service.handle(Exchange {
            message,
            session,
            headers: Some(Arc::new(RequestHeaders(headers))),
            outbound,
        });
        Ok(match handling {
            Handling::Nothing => reply::empty(StatusCode::ACCEPTED),
            Handling::Ready(reply) => {
                let sent = outbox.map(|outbox| outbox.close()).unwrap_or_default();
                self.answer(sent, reply, style)
            }
            Handling::Pending(handler) => {
                let running = match key {
                    Some(key) => Running::detached(handler, outbox, self.calls.enter(key)),
                    None => Running::attached(handler, outbox),
                };
                self.wait(running, style).await
            }
        })
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

    /// Waits for the answer of a call, or for the first message before it, with which events begin.
    async fn wait(&self, mut running: Running, style: Style) -> Response<HttpBody> {
        match running.step().await {
            Step::Sent(messages) => reply::live_events(Events::new(&messages, running)),
            Step::Over(sent, Some(reply)) => self.answer(sent, reply, style),
            // It was cancelled. There is no answer to send, and a JSON body would have to be one: a stream of
            // events that ends is the one success that may be empty.
            Step::Over(sent, None) => reply::finished_events(&sent),
        }
    }

    /// Writes an answer: JSON, unless the call sent messages before or the client accepts nothing but events.
    fn answer(&self, mut sent: Vec<String>, reply: Reply, style: Style) -> Response<HttpBody> {
        let status = reply::status(reply.class, style.stateless);
        let as_events = !sent.is_empty() || !style.formats.json;
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
