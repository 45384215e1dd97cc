//! From a message to its reply: which era it belongs to, which method it calls, and what that method does.
//!
//! It knows no bytes, sockets or framing, and nothing of how the server was put together.

mod caller;
mod completion;
mod contain;
mod encode;
mod headers;
mod lifecycle;
mod listen;
mod lists;
mod logging;
mod mirror;

mod prompts;
mod resources;
mod run;
mod serving;
mod timeout;
mod tools;
mod unfold;

use std::sync::Arc;

pub(crate) use lifecycle::{About, Identity};

use crate::call::{Caller, ServerContext};
use crate::in_flight::{InFlight, Scope};
use crate::layer::Layer;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Kind, Message};
use crate::registry::Registry;
use crate::service::{Exchange, Handling, Limits, Listening, Origin, Outbound, Service};
use crate::session::{Session, Sessions};
use serving::{Running, serve};

/// A server that is ready to serve.
pub(crate) struct Core {
    pub(crate) registry: Registry,
    pub(crate) context: Arc<ServerContext>,
    pub(crate) identity: Identity,
    pub(crate) limits: Limits,
    layers: Vec<Arc<dyn Layer>>,
    sessions: Arc<Sessions>,
    in_flight: Arc<InFlight>,
}

/// Refuses a message that breaks the rules of its era, for tests of transports.
#[cfg(test)]
pub(crate) fn refuse(exchange: &Exchange) -> Result<(), RpcError> {
    match exchange.message.kind() {
        Kind::Request(_) => caller::classify(exchange).map(|_| ()),
        Kind::Notification | Kind::Response => headers::check(exchange),
    }
}

/// The server as its transports see it.
pub(crate) struct Dispatch(pub(crate) Arc<Core>);

impl Core {
    pub(crate) fn new(
        registry: Registry,
        context: ServerContext,
        identity: Identity,
        limits: Limits,
        layers: Vec<Arc<dyn Layer>>,
    ) -> Self {
        Self {
            registry,
            identity,
            in_flight: Arc::new(InFlight::new(limits.requests)),
            limits,
            layers,
            sessions: Arc::clone(context.live.sessions()),
            context: Arc::new(context),
        }
    }
}

/// A request whose caller is known.
struct Request {
    core: Arc<Core>,
    message: Arc<Message>,
    caller: Caller,
    origin: Origin,
    outbound: Arc<dyn Outbound>,
}

impl Request {
    /// Returns the session of a request that is about one.
    ///
    /// # Errors
    /// The request belongs to none.
    fn session(&self) -> Result<&Session, RpcError> {
        self.caller.session.as_ref().ok_or_else(|| {
            RpcError::invalid_request(format!(
                "`{}` is about a session, and this request belongs to none: send `initialize` first and repeat its \
                 Mcp-Session-Id",
                self.message.method()
            ))
        })
    }
}

/// A method of the protocol.
type Method = fn(Request) -> Result<Running, RpcError>;

/// Returns what serves a method: one line for each.
fn method(name: &str, stateless: bool) -> Option<Method> {
    let method: Method = match (name, stateless) {
        ("tools/call", _) => tools::call,
        ("resources/read", _) => resources::read,
        ("prompts/get", _) => prompts::get,
        ("completion/complete", _) => completion::complete,
        ("tools/list", _) => lists::tools,
        ("prompts/list", _) => lists::prompts,
        ("resources/list", _) => lists::resources,
        ("resources/templates/list", _) => lists::templates,
        ("server/discover", true) => |request| Ok(Running::Ready(lifecycle::discover(&request))),
        ("subscriptions/listen", true) => listen::listen,
        ("initialize", false) => lifecycle::initialize,
        ("resources/subscribe", false) => listen::subscribe,
        ("resources/unsubscribe", false) => listen::unsubscribe,
        ("logging/setLevel", false) => logging::set_level,
        ("ping", false) => |_| Ok(Running::Ready(Outcome::Empty)),
        _ => return None,
    };
    Some(method)
}

/// Returns the scope of the ids of a client's requests; `None` where each request has a connection of its own.
fn scope(origin: &Origin, session: Option<&Session>) -> Option<Scope> {
    match (origin.connection, session) {
        (Some(connection), _) => Some(Scope::Connection(connection)),
        (None, Some(session)) => Some(Scope::Session(session.nonce)),
        (None, None) => None,
    }
}

impl Dispatch {
    /// Carries a notification out. Over HTTP its headers may refuse it.
    fn notice(&self, exchange: &Exchange) -> Result<(), RpcError> {
        headers::check(exchange)?;
        let message = &exchange.message;
        match (message.method(), &exchange.session) {
            ("notifications/cancelled", _) => self.cancel_request(exchange),
            ("notifications/initialized", Some(session)) => self.0.sessions.initialized(session),
            _ => {}
        }
        Ok(())
    }

    fn cancel_request(&self, exchange: &Exchange) {
        let Ok(params) = exchange.message.params() else {
            return;
        };
        let id = params.request_id();
        tracing::debug!(
            request = id.as_ref().map(tracing::field::display),
            reason = params.reason().as_deref(),
            "the client cancels a request"
        );
        let scope = scope(&exchange.origin, exchange.session.as_ref());
        if let (Some(scope), Some(id)) = (scope, id) {
            self.0.in_flight.cancel(scope, &id);
        }
    }

    /// Takes the client's answer to a question.
    fn answer(&self, exchange: &Exchange) -> Result<(), RpcError> {
        headers::check(exchange)?;
        if let Some(session) = &exchange.session {
            let text = exchange.message.text();
            self.0.context.live.answer(session.nonce, text);
        }
        Ok(())
    }
}

impl Service for Dispatch {
    fn handle(&self, exchange: Exchange) -> Handling {
        let done = match exchange.message.kind() {
            Kind::Request(_) => return serve(&self.0, exchange),
            Kind::Notification => self.notice(&exchange),
            Kind::Response => self.answer(&exchange),
        };
        match done {
            Ok(()) => Handling::Nothing,
            Err(refusal) => Handling::Ready(encode::error(None, &refusal)),
        }
    }

    fn listen(&self, session: &Session, outbound: Arc<dyn Outbound>) -> Option<Listening> {
        listen::session(&self.0, session, outbound)
    }

    fn hang_up(&self, session: &Session) {
        self.0.context.live.abandon(session.nonce);
        // Questions that wait for this end, too.
        self.0.sessions.initialized(session);
    }

    fn end_session(&self, session: &Session) -> bool {
        let ended = self.0.sessions.end(session);
        if ended {
            // First, so that no handler goes on for want of an answer.
            let scope = Scope::Session(session.nonce);
            self.0.in_flight.cancel_all(Some(scope));
            self.hang_up(session);
        }
        ended
    }

    fn cancel(&self, connection: Option<u64>) {
        self.0
            .in_flight
            .cancel_all(connection.map(Scope::Connection));
    }

    fn close(&self) {
        self.0.context.bus.close();
    }

    fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }
}
