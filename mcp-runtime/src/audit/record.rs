//! The record of a decision about a request.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use crate::outcome::OutcomeKind;
use crate::store::milliseconds;

/// The target of the audit events in the log.
const TARGET: &str = "mcp_runtime::audit";

/// A function that receives each record.
pub(crate) type AuditFn = Arc<dyn Fn(&AuditRecord) + Send + Sync>;

/// A decision about a request.
///
/// ```
/// use mcp_runtime::{Audit, AuditDecision, Server};
///
/// let alarm = Audit::function(|record| {
///     if record.decision == AuditDecision::Unauthenticated {
///         eprintln!("no valid credentials, from {:?}", record.address);
///     }
/// });
/// let server = Server::new("app", "1.0.0").audit(alarm);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditDecision {
    /// The request was served. [`AuditRecord::outcome`] says how it ended.
    Allowed,
    /// The request had no valid credentials.
    Unauthenticated,
    /// The caller lacks a scope that the component needs, or does not see the component. The caller is told that a component that
    /// it does not see is unknown.
    Forbidden,
    /// The caller has sent too many requests, or uses its share of the server.
    RateLimited,
    /// The server had no capacity for the request, or was stopping.
    Overloaded,
}

impl AuditDecision {
    /// Returns the name, such as `rate_limited`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
        }
    }
}

impl fmt::Display for AuditDecision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A decision about a request, and how the request ended. As JSON it is an object without the members that have no value.
///
/// ```
/// use mcp_runtime::{Audit, Server, serde_json};
///
/// let lines = Audit::function(|record| match serde_json::to_string(record) {
///     Ok(line) => eprintln!("{line}"),
///     Err(error) => eprintln!("{error}"),
/// });
/// let server = Server::new("app", "1.0.0").audit(lines);
/// ```
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct AuditRecord {
    /// The time of the end of the request, as milliseconds since 1970 in JSON.
    #[serde(serialize_with = "since_1970")]
    pub time: SystemTime,
    /// The decision.
    pub decision: AuditDecision,
    /// The id of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The issuer of the caller's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The IP address of the caller: that of the socket, or the one that a trusted proxy forwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The method; `_OTHER` for one that the server does not know, and `None` if the message was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The name or URI template of the component; `_OTHER` for one that the server does not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The digest of the arguments as the client sent them, or of the URI that is read: HMAC-SHA-256 in hexadecimal digits, with
    /// the key of [`Server::audit_key`](crate::Server::audit_key).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments_digest: Option<String>,
    /// How the request ended; `None` if the message was not read.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "name_of")]
    pub outcome: Option<OutcomeKind>,
    /// The code of a JSON-RPC error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The time from the arrival of the message to its reply, as milliseconds in JSON.
    #[serde(rename = "duration_ms", serialize_with = "in_milliseconds")]
    pub duration: Duration,
    /// The short id of the session, as in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The id of the request, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The W3C trace id, which correlates the record with traces and with the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The transport: `http`, `stdio`, `memory` or `custom`.
    pub transport: &'static str,
}

impl AuditRecord {
    /// Returns a record of this decision without further values.
    pub(crate) fn new(decision: AuditDecision, transport: &'static str) -> Self {
        Self {
            time: SystemTime::now(),
            decision,
            principal: None,
            issuer: None,
            address: None,
            method: None,
            component: None,
            arguments_digest: None,
            outcome: None,
            code: None,
            duration: Duration::ZERO,
            session: None,
            request_id: None,
            trace_id: None,
            transport,
        }
    }

    pub(super) fn emit(&self) {
        tracing::info!(
            target: TARGET,
            parent: None,
            decision = self.decision.as_str(),
            principal = self.principal,
            issuer = self.issuer,
            address = self.address,
            method = self.method,
            component = self.component,
            arguments_digest = self.arguments_digest,
            outcome = self.outcome.map(OutcomeKind::as_str),
            code = self.code,
            duration_ms = in_ms(self.duration),
            session = self.session,
            request_id = self.request_id,
            trace_id = self.trace_id,
            transport = self.transport,
            "a request was decided"
        );
    }
}

fn since_1970<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    serializer.serialize_u64(since.map_or(0, milliseconds))
}

fn in_milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(in_ms(*duration))
}

fn in_ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
fn name_of<S: Serializer>(outcome: &Option<OutcomeKind>, serializer: S) -> Result<S::Ok, S::Error> {
    outcome.map(OutcomeKind::as_str).serialize(serializer)
}
