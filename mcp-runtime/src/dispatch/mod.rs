//! From a message to its reply: which era it belongs to, which method it calls, and what that method does.
//!
//! It knows no bytes, sockets or framing, and nothing of how the server was put together.

mod caller;
mod collect_stream;
mod completion;
mod contain;
mod core;
mod encode;
mod failure;
mod header_params;
mod headers;
mod identity;
mod lifecycle;
mod listen;
mod lists;
mod logging;
mod methods;
mod prompts;
mod resources;
mod run;
mod serving;
mod timeout;
mod tools;

use std::sync::Arc;

pub(crate) use self::core::Core;
pub(crate) use identity::{About, Identity};

use self::core::scope;
use crate::in_flight::Scope;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::MessageKind;
use crate::service::{Exchange, Handling, Limits, Listening, Outbound, Reply, Service};
use crate::session::Session;
use serving::serve;

/// Refuses a message that breaks the rules of its era, for tests of transports.
#[cfg(all(test, feature = "http"))]
pub(crate) fn refuse(exchange: &Exchange) -> Result<(), RpcError> {
    match exchange.message.kind() {
        MessageKind::Request(_) => caller::classify(exchange).map(|_| ()),
        MessageKind::Notification | MessageKind::Response => headers::check(exchange),
    }
}

/// The server as its transports see it.
pub(crate) struct Dispatch(pub(crate) Arc<Core>);

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
            self.0.context.pending_requests.answer(session.nonce, text);
        }
        Ok(())
    }
}

impl Service for Dispatch {
    fn handle(&self, exchange: Exchange) -> Handling {
        let done = match exchange.message.kind() {
            MessageKind::Request(_) => return serve(&self.0, exchange),
            MessageKind::Notification => self.notice(&exchange),
            MessageKind::Response => self.answer(&exchange),
        };
        match done {
            Ok(()) => Handling::Nothing,
            Err(refusal) => Handling::Ready(Reply::error(None, &refusal)),
        }
    }

    fn listen(&self, session: &Session, outbound: Arc<dyn Outbound>) -> Option<Listening> {
        listen::session(&self.0, session, outbound)
    }

    fn end_session(&self, session: &Session) {
        // First, so that no handler goes on for want of an answer.
        let scope = Scope::Session(session.nonce);
        self.0.in_flight.cancel_all(Some(scope));
        self.0.context.pending_requests.abandon(session.nonce);
        // Questions that wait for this end, too.
        self.0.sessions.end(session);
    }

    fn cancel(&self, connection: Option<u64>) {
        self.0
            .in_flight
            .cancel_all(connection.map(Scope::Connection));
    }

    fn close(&self) {
        self.0.context.bus.close();
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }
}
