//! The audit record of an observed request.

use std::time::Duration;

use super::record::Record;
use crate::audit::{AuditDecision, AuditRecord, DigestKey};
use crate::outcome::Outcome;
use crate::owner::Principal;
use crate::protocol::error::Class;
use crate::protocol::jsonrpc::Message;
use crate::service::Exchange;

/// What only the audit records of a request.
pub(super) struct Audited {
    pub(super) decision: AuditDecision,
    address: Option<String>,
    arguments_digest: Option<String>,
    request_id: Option<String>,
}

/// A request that is cancelled before it has an outcome was allowed.
impl Default for Audited {
    fn default() -> Self {
        Self {
            decision: AuditDecision::Allowed,
            address: None,
            arguments_digest: None,
            request_id: None,
        }
    }
}

impl Audited {
    /// `called` is the call that the request stands for, if it is not its own.
    pub(super) fn of(
        exchange: &Exchange,
        called: Option<&Message>,
        key: Option<&DigestKey>,
    ) -> Self {
        let message = called.unwrap_or(&exchange.message);
        let id = message.id().map(serde_json::to_string);
        Self {
            address: exchange.origin.address().map(|address| address.to_string()),
            arguments_digest: key.and_then(|key| digest(key, message)),
            request_id: id.and_then(Result::ok),
            ..Self::default()
        }
    }

    pub(super) fn record(&self, request: &Record, duration: Duration) -> AuditRecord {
        let principal = request.principal.as_ref();
        AuditRecord {
            principal: principal.map(|it| it.id().to_owned()),
            issuer: principal.and_then(Principal::issuer).map(str::to_owned),
            address: self.address.clone(),
            method: Some(request.subject.method.clone()),
            component: request.component().map(str::to_owned),
            arguments_digest: self.arguments_digest.clone(),
            outcome: Some(request.outcome),
            code: request.code,
            duration,
            session: request.session.clone(),
            request_id: self.request_id.clone(),
            trace_id: request.trace_id.clone(),
            ..AuditRecord::new(self.decision, request.transport.as_str())
        }
    }
}

/// Returns the digest of the arguments of a request, of the argument that it completes, or of the URI that it reads.
fn digest(key: &DigestKey, message: &Message) -> Option<String> {
    let params = message.params().ok()?;
    if let Ok(uri) = params.uri() {
        return Some(key.digest(&uri));
    }
    if let Some(argument) = params.argument_json() {
        return Some(key.digest(argument));
    }
    // Only calls have a name and arguments.
    let arguments = params.name().and_then(|_| params.arguments()).ok()?;
    Some(key.digest(arguments))
}

/// Returns the decision behind an outcome.
pub(super) fn decision(outcome: &Outcome) -> AuditDecision {
    if outcome.is_refused_call() {
        return AuditDecision::RateLimited;
    }
    if outcome.conceals() {
        return AuditDecision::Forbidden;
    }
    match outcome.error().map(|error| error.class) {
        Some(Class::Forbidden) => AuditDecision::Forbidden,
        Some(Class::RateLimited(_)) => AuditDecision::RateLimited,
        Some(Class::Overloaded) => AuditDecision::Overloaded,
        _ => AuditDecision::Allowed,
    }
}
