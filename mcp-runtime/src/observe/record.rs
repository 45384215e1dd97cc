//! What is recorded about a request.

#[cfg(feature = "audit")]
use std::sync::Arc;

use crate::metrics::Series;
use crate::outcome::OutcomeKind;
use crate::owner::Principal;
#[cfg(feature = "audit")]
use crate::protocol::jsonrpc::Message;
use crate::protocol::revision::Features;
use crate::service::{Exchange, TransportKind};

/// The method and the component of a request.
pub(crate) struct Subject {
    /// The method, or [`OTHER`](crate::metrics::OTHER).
    pub(crate) method: String,
    pub(crate) component: Option<Component>,
    /// The URI of a resource, as the client sent it.
    pub(crate) uri: Option<String>,
    /// The call that the request stands for, if it is one of `call_tool`.
    #[cfg(feature = "audit")]
    pub(crate) called: Option<Arc<Message>>,
}

/// A component that exists, by name or URI template, or [`OTHER`](crate::metrics::OTHER).
pub(crate) enum Component {
    Tool(String),
    Prompt(String),
    Resource(String),
}

impl Component {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) => name,
        }
    }
}

/// The properties of a request.
pub(super) struct Record {
    pub(super) subject: Subject,
    pub(super) transport: TransportKind,
    /// The features of the client's revision, once it is known.
    pub(super) features: Option<&'static Features>,
    /// The short id of the session.
    pub(super) session: Option<String>,
    pub(super) principal: Option<Principal>,
    pub(super) trace_id: Option<String>,
    pub(super) bytes_in: usize,
    pub(super) bytes_out: usize,
    pub(super) outcome: OutcomeKind,
    /// The code of a JSON-RPC error.
    pub(super) code: Option<i32>,
}

impl Record {
    /// Creates the record of a request that begins. Until another outcome is known, the request counts as cancelled.
    pub(super) fn new(exchange: &Exchange, subject: Subject) -> Self {
        let session = exchange.session.as_ref();
        Self {
            subject,
            transport: exchange.origin.transport,
            features: None,
            session: session.map(|session| short(&session.nonce)),
            principal: exchange.origin.principal.clone(),
            trace_id: None,
            bytes_in: exchange.message.text().len(),
            bytes_out: 0,
            outcome: OutcomeKind::Cancelled,
            code: None,
        }
    }

    pub(super) fn component(&self) -> Option<&str> {
        self.subject.component.as_ref().map(Component::name)
    }

    /// Returns the labels for metrics.
    pub(super) fn series(&self) -> Series<'_> {
        Series {
            method: &self.subject.method,
            component: self.component().unwrap_or_default(),
            outcome: self.outcome.as_str(),
        }
    }

    /// Returns the length of the request, and of its reply.
    pub(super) fn bytes(&self) -> [usize; 2] {
        [self.bytes_in, self.bytes_out]
    }

    /// Returns the type of the error, as the conventions of OpenTelemetry name it.
    pub(super) fn error_type(&self) -> Option<String> {
        Some(match self.outcome {
            OutcomeKind::Ok | OutcomeKind::InputRequired => return None,
            OutcomeKind::ProtocolError => self.code.unwrap_or_default().to_string(),
            OutcomeKind::TimedOut => "timeout".to_owned(),
            OutcomeKind::ToolError | OutcomeKind::Cancelled => self.outcome.as_str().to_owned(),
        })
    }
}

/// Returns a short id of a session. It identifies the session in logs, and is of no use to a client.
pub(super) fn short(nonce: &[u8; 16]) -> String {
    format!("{:016x}", u128::from_be_bytes(*nonce) >> 64)
}
