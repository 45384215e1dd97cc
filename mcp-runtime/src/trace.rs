//! The traces of OpenTelemetry: conversions between the W3C trace context of a request and the spans of `tracing`.

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::protocol::{HeaderSource, TraceContext};

/// Sets the parent of a new span: the context in `_meta`, the span around the request, or the context in the HTTP headers. If
/// there are both a context in `_meta` and a span around the request, that span is linked.
pub(crate) fn set_parent(span: &Span, meta: Option<&str>, headers: Option<&dyn HeaderSource>) {
    let around = context_of(&Span::current());
    let in_meta = span_context(&TraceContext::incoming(meta, None));
    let in_headers = || span_context(&TraceContext::incoming(None, headers));
    if let (Some(_), Some(around)) = (&in_meta, &around) {
        span.add_link(around.clone());
    }
    // The span around the request already is the parent.
    let parent = in_meta.or_else(|| around.is_none().then(in_headers).flatten());
    if let Some(parent) = parent {
        // This fails if no layer of the subscriber exports spans.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// Returns the id of the trace of a span, if the span is exported.
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    context_of(span).map(|context| context.trace_id().to_string())
}

/// Replaces the parent in a trace context by the current span, if that is exported.
pub(crate) fn outgoing(incoming: TraceContext) -> TraceContext {
    let Some(context) = context_of(&Span::current()) else {
        return incoming;
    };
    let traceparent = format!(
        "00-{}-{}-{:02x}",
        context.trace_id(),
        context.span_id(),
        context.trace_flags().to_u8()
    );
    let state = context.trace_state().header();
    let state = (!state.is_empty()).then_some(state);
    TraceContext::new(Some(traceparent), state, incoming.baggage)
}

fn context_of(span: &Span) -> Option<SpanContext> {
    let context = span.context().span().span_context().clone();
    context.is_valid().then_some(context)
}

/// Returns the remote span that a trace context names.
fn span_context(trace: &TraceContext) -> Option<SpanContext> {
    let mut parts = trace.traceparent.as_deref()?.split('-').skip(1);
    let trace_id = TraceId::from_hex(parts.next()?).ok()?;
    let span_id = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let state = trace
        .tracestate
        .as_deref()
        .and_then(|text| text.parse::<TraceState>().ok());
    Some(SpanContext::new(
        trace_id,
        span_id,
        TraceFlags::new(flags),
        true,
        state.unwrap_or_default(),
    ))
}
