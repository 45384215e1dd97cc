//! The span and the event of a request.
//!
//! The span has the attributes of
//! <https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md>. Its status has no description,
//! because the messages of errors can quote arguments.

use std::net::SocketAddr;
use std::time::Duration;

use tracing::field::{Empty, display};
use tracing::{Level, Span};

use super::record::{Component, Record, Subject};
use crate::owner::Principal;
use crate::protocol::Id;
use crate::service::TransportKind;

/// The target of the span and of the event.
pub(crate) const TARGET: &str = "mcp_runtime::request";

/// The longest id that is recorded, in bytes of its text.
const LONGEST_ID: usize = 128;

/// Creates the span of a request, without the values of its fields. It is disabled if no subscriber wants it.
#[inline]
pub(super) fn new() -> Span {
    tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = Empty,
        otel.kind = "server",
        otel.status_code = Empty,
        error.type = Empty,
        client.address = Empty,
        client.port = Empty,
        gen_ai.operation.name = Empty,
        gen_ai.prompt.name = Empty,
        gen_ai.tool.name = Empty,
        jsonrpc.request.id = Empty,
        mcp.method.name = Empty,
        mcp.protocol.version = Empty,
        mcp.resource.uri = Empty,
        mcp.session.id = Empty,
        network.protocol.name = Empty,
        network.transport = Empty,
        rpc.response.status_code = Empty,
    )
}

/// Returns `true` if a subscriber wants the event of a request.
#[inline]
pub(super) fn has_event() -> bool {
    tracing::event_enabled!(target: TARGET, Level::INFO)
}

/// Records what is known when the request begins.
pub(super) fn record_begin(
    span: &Span,
    record: &Record,
    id: Option<&Id>,
    peer: Option<SocketAddr>,
) {
    if span.is_disabled() {
        return;
    }
    record_subject(span, &record.subject);
    if let Some(id) = id.filter(|id| is_short(id)) {
        span.record("jsonrpc.request.id", text_of(id));
    }
    if let Some(peer) = peer {
        span.record("client.address", display(peer.ip()));
        span.record("client.port", peer.port());
    }
    record_network(span, record.transport);
}

fn record_subject(span: &Span, subject: &Subject) {
    let method = subject.method.as_str();
    span.record("mcp.method.name", method);
    match &subject.component {
        Some(Component::Tool(name)) => {
            span.record("gen_ai.operation.name", "execute_tool");
            span.record("gen_ai.tool.name", name.as_str());
            span.record("otel.name", format!("{method} {name}"));
        }
        Some(Component::Prompt(name)) => {
            span.record("gen_ai.prompt.name", name.as_str());
            span.record("otel.name", format!("{method} {name}"));
        }
        Some(Component::Resource(_)) | None => {
            span.record("otel.name", method);
        }
    }
    if let Some(uri) = &subject.uri {
        span.record("mcp.resource.uri", uri.as_str());
    }
}

/// Returns `true` if an id is short enough to be recorded.
pub(crate) fn is_short(id: &Id) -> bool {
    match id {
        Id::Number(_) => true,
        Id::String(text) => text.len() <= LONGEST_ID,
    }
}

fn text_of(id: &Id) -> String {
    match id {
        Id::Number(number) => number.to_string(),
        Id::String(text) => text.clone(),
    }
}

fn record_network(span: &Span, transport: TransportKind) {
    let (protocol, transport) = transport.network();
    if let Some(protocol) = protocol {
        span.record("network.protocol.name", protocol);
    }
    if let Some(transport) = transport {
        span.record("network.transport", transport);
    }
}

/// Records the outcome of the request.
pub(super) fn record_end(span: &Span, record: &Record) {
    if span.is_disabled() {
        return;
    }
    if let Some(features) = record.features {
        span.record("mcp.protocol.version", features.name);
    }
    if let Some(session) = &record.session {
        span.record("mcp.session.id", session.as_str());
    }
    if let Some(code) = record.code {
        span.record("rpc.response.status_code", code.to_string());
    }
    if let Some(error_type) = record.error_type() {
        span.record("error.type", error_type);
        span.record("otel.status_code", "ERROR");
    }
}

/// Emits the event of a request. It belongs to no span, because it has all fields itself.
pub(super) fn event(record: &Record, duration: Duration) {
    let features = record.features;
    let era = features.map(|features| {
        if features.stateless {
            "modern"
        } else {
            "legacy"
        }
    });
    tracing::info!(
        target: TARGET,
        parent: None,
        method = record.subject.method,
        component = record.component(),
        outcome = record.outcome.as_str(),
        code = record.code,
        duration_ms = in_milliseconds(duration),
        bytes_in = record.bytes_in,
        bytes_out = record.bytes_out,
        era,
        revision = features.map(|features| features.name),
        transport = record.transport.as_str(),
        session = record.session,
        principal = record.principal.as_ref().map(Principal::to_string),
        trace_id = record.trace_id,
        "a request ended"
    );
}

/// Returns a duration in milliseconds, to three decimal places.
pub(crate) fn in_milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
