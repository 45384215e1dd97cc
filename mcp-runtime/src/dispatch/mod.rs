//! Dispatch of a message to its reply: determines its era and its method, and runs the method.
//!
//! It is independent of bytes, sockets and framing, and of how the server was built.

mod as_tools;
mod audience;
mod authorize;
mod caller;
mod collect_stream;
mod completion;
mod contain;
mod core;
mod encode;
mod ending;
mod failure;
mod header_params;
mod headers;
mod home;
mod identity;
mod layered;
mod lifecycle;
mod listen;
mod lists;
mod logging;
mod methods;
mod polled;
mod prompts;
mod rate;
mod replica;
mod resources;
mod run;
mod serving;
mod session_task_call;
mod session_tasks;
mod shared_session;
mod sight;
#[cfg(feature = "skills")]
mod skills;
mod start;
mod subject;
mod subscribe;
mod task_call;
mod task_errors;
mod task_questions;
mod task_requests;
mod task_result;
mod task_run;
mod task_start;
mod tasks;
mod timeout;
mod tool_search;
mod tools;
mod versions;

use std::sync::Arc;

pub(crate) use self::core::{Composition, Core, Home, Policies};
pub(crate) use as_tools::{prompt_tools, resource_tools};
pub(crate) use identity::{About, Identity};
pub(crate) use listen::notification_of;
pub(crate) use replica::connect;
pub(crate) use tool_search::{SearchedServer, tools as search_tools};

use self::core::scope;
#[cfg(all(feature = "audit", feature = "auth"))]
use crate::audit::AuditRecord;
#[cfg(feature = "http")]
use crate::cluster::{Cluster, Event, SharedSession};
use crate::in_flight::Scope;
use crate::metrics::Metrics;
use crate::protocol::error::RpcError;
#[cfg(feature = "http")]
use crate::protocol::jsonrpc::Message;
use crate::protocol::jsonrpc::MessageKind;
#[cfg(feature = "http")]
use crate::service::AskedElsewhere;
use crate::service::{
    Budgets, Exchange, Handling, Limits, Listening, Origin, Outbound, Reply, Service,
};
use crate::session::Session;
use serving::serve;

/// Returns an error if a message violates the rules of its era. For tests of transports.
#[cfg(all(test, feature = "http"))]
pub(crate) fn refuse(exchange: &Exchange) -> Result<(), RpcError> {
    match exchange.message.kind() {
        MessageKind::Request(_) => caller::classify(exchange).map(|_| ()),
        MessageKind::Notification | MessageKind::Response => headers::check(exchange),
    }
}

/// The [`Service`] that transports use.
pub(crate) struct Dispatch(pub(crate) Arc<Core>);

impl Dispatch {
    /// Handles a notification. Over HTTP it may be refused because of its headers.
    fn handle_notification(&self, exchange: &Exchange) -> Result<(), RpcError> {
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

    /// Handles a response, which answers a question to the client.
    fn handle_response(&self, exchange: &Exchange) -> Result<(), RpcError> {
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
            MessageKind::Notification => self.handle_notification(&exchange),
            MessageKind::Response => self.handle_response(&exchange),
        };
        match done {
            Ok(()) => Handling::Nothing,
            Err(refusal) => Handling::Ready(Reply::error(None, &refusal)),
        }
    }

    fn listen(
        &self,
        session: &Session,
        origin: &Origin,
        outbound: Arc<dyn Outbound>,
    ) -> Result<Listening, RpcError> {
        subscribe::session(&self.0, session, origin, outbound)
    }

    #[cfg(feature = "http")]
    fn notifying(
        &self,
        session: &Session,
        origin: &Origin,
        outbound: Arc<dyn Outbound>,
    ) -> Box<dyn Fn(&Event) + Send> {
        subscribe::notifying(&self.0, session, origin, outbound)
    }

    fn end_session(&self, session: &Session) {
        self.0.end_session(session);
    }

    fn forget_session(&self, session: &Session) {
        self.0.forget(|data| data.end(session));
    }

    fn forget_connection(&self, connection: u64) {
        self.0.forget(|data| data.end_connection(connection));
    }

    fn cancel(&self, connection: u64) {
        self.0
            .in_flight
            .cancel_all(Some(Scope::Connection(connection)));
    }

    fn close(&self, connection: u64) {
        self.0.context.bus.close(Some(connection));
    }

    #[cfg(feature = "http")]
    fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    #[cfg(feature = "auth")]
    fn scopes(&self) -> Vec<String> {
        self.0.scopes()
    }

    #[cfg(feature = "auth")]
    fn scopes_to_ask_for(&self, needed: &[String], granted: &[String]) -> Vec<String> {
        self.0.scopes_to_ask_for(needed, granted)
    }

    #[cfg(feature = "auth")]
    fn local_caller(&self) -> Option<Arc<crate::auth::Identity>> {
        self.0.context.local.clone()
    }

    #[cfg(feature = "auth")]
    fn revoked(&self) -> Option<Arc<crate::auth::Revoked>> {
        let revocation = self.0.context.revocation.as_ref()?;
        Some(Arc::clone(&revocation.revoked))
    }

    #[cfg(feature = "http")]
    fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.0.context.cluster.as_ref()
    }

    #[cfg(feature = "http")]
    fn asked_elsewhere(&self, session: &Session, response: &Message) -> Option<AskedElsewhere> {
        let pending = &self.0.context.pending_requests;
        pending.asked_elsewhere(session.nonce, response.text())
    }

    #[cfg(feature = "http")]
    fn count(&self, origin: &Origin) -> Result<(), RpcError> {
        self.0.rate.count_message(origin)
    }

    #[cfg(feature = "http")]
    fn restore_session(&self, session: &Session, shared: &SharedSession) -> Result<(), RpcError> {
        let restored = self.0.restore_session(session, shared);
        restored.map_err(|full| {
            RpcError::overloaded(format!(
                "The settings of the session cannot be stored: {full}"
            ))
        })
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }

    fn budgets(&self) -> &Budgets {
        &self.0.budgets
    }

    fn metrics(&self) -> &Metrics {
        &self.0.observer.metrics
    }

    #[cfg(all(feature = "audit", feature = "auth"))]
    fn audit(&self, record: &mut dyn FnMut() -> AuditRecord) {
        self.0.observer.audit(record);
    }

    #[cfg(all(feature = "http", feature = "metrics"))]
    fn metrics_text(&self) -> Option<String> {
        self.0.metrics_text()
    }
}
