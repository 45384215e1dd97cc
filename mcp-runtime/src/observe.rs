//! Observation of requests: one span, one event and one measurement for each.
//!
//! A request that nothing observes has no [`Observation`].

#[cfg(feature = "otel")]
mod otel;
mod span;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Span;

use crate::metrics::{Metrics, Series};
use crate::outcome::{Outcome, OutcomeKind};
use crate::owner::Principal;
use crate::protocol::revision::Features;
use crate::protocol::{Id, TraceContext};
use crate::service::{Exchange, TransportKind};

#[cfg(feature = "otel")]
pub(crate) use otel::{Otel, outgoing};
#[cfg(feature = "cli")]
pub(crate) use span::TARGET;

/// The name of a method or component that the server does not have. Names of clients are not used, because there is no
/// limit on their number.
pub(crate) const OTHER: &str = "_OTHER";

/// The observers of a server.
#[derive(Default)]
pub(crate) struct Observer {
    pub(crate) metrics: Metrics,
    #[cfg(feature = "otel")]
    pub(crate) otel: Option<Otel>,
}

/// The method and the component of a request.
pub(crate) struct Subject {
    /// The method, or [`OTHER`].
    pub(crate) method: String,
    pub(crate) component: Option<Component>,
    /// The URI of a resource, as the client sent it.
    pub(crate) uri: Option<String>,
}

/// A component that exists, by name or URI template, or [`OTHER`].
pub(crate) enum Component {
    Tool(String),
    Prompt(String),
    Resource(String),
}

impl Component {
    fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) => name,
        }
    }
}

impl Subject {
    fn component(&self) -> Option<&str> {
        self.component.as_ref().map(Component::name)
    }
}

impl Observer {
    /// Begins the observation of a request. Returns `None` if nothing observes requests.
    #[inline]
    pub(crate) fn begin(
        self: &Arc<Self>,
        exchange: &Exchange,
        subject: impl FnOnce() -> Subject,
    ) -> Option<Box<Observation>> {
        let span = span::new();
        let is_observed = !span.is_disabled() || self.measures() || span::has_event();
        is_observed.then(|| Observation::begin(Arc::clone(self), span, exchange, subject()))
    }

    fn measures(&self) -> bool {
        #[cfg(feature = "otel")]
        if self.otel.is_some() {
            return true;
        }
        self.metrics.is_enabled()
    }

    /// Sends what was recorded, after the server has stopped.
    pub(crate) async fn flush(&self) {
        #[cfg(feature = "otel")]
        if let Some(otel) = &self.otel {
            otel.flush().await;
        }
    }
}

/// The observation of one request. It ends when this is dropped; a request that has not [ended](Self::end) before is
/// cancelled.
pub(crate) struct Observation {
    observer: Arc<Observer>,
    span: Span,
    begin: Instant,
    subject: Subject,
    transport: TransportKind,
    features: Option<&'static Features>,
    /// The short id of the session.
    session: Option<String>,
    principal: Option<Principal>,
    trace_id: Option<String>,
    bytes_in: usize,
    bytes_out: usize,
    outcome: OutcomeKind,
    /// The code of a JSON-RPC error.
    code: Option<i32>,
    /// `true` if the request opened a session.
    opened: bool,
}

impl Observation {
    fn begin(
        observer: Arc<Observer>,
        span: Span,
        exchange: &Exchange,
        subject: Subject,
    ) -> Box<Self> {
        let Exchange {
            message,
            origin,
            session,
            ..
        } = exchange;
        let mut observation = Box::new(Self {
            observer,
            span,
            begin: Instant::now(),
            subject,
            transport: origin.transport,
            features: None,
            session: session.as_ref().map(|session| short(&session.nonce)),
            principal: origin.principal.clone(),
            trace_id: None,
            bytes_in: message.text().len(),
            bytes_out: 0,
            outcome: OutcomeKind::Cancelled,
            code: None,
            opened: false,
        });
        observation.record_begin(message.id(), exchange);
        observation
    }

    fn record_begin(&mut self, id: Option<&Id>, exchange: &Exchange) {
        let params = exchange.message.params().ok();
        let meta = params.and_then(|params| params.meta().json());
        let headers = exchange.origin.headers.as_deref();
        #[cfg(feature = "otel")]
        otel::set_parent(&self.span, meta, headers);
        span::record_begin(&self.span, self, id, exchange.origin.peer);
        #[cfg(feature = "otel")]
        {
            self.trace_id = otel::trace_id(&self.span);
        }
        if self.trace_id.is_none() {
            let trace = TraceContext::incoming(meta, headers);
            self.trace_id = trace.trace_id().map(str::to_owned);
        }
    }

    /// Returns the span of the request, which is entered while the request is served.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Records the revision of the client.
    pub(crate) fn classified(&mut self, features: &'static Features) {
        self.features = Some(features);
    }

    /// Records the outcome, and the length of the reply in bytes.
    pub(crate) fn end(mut self: Box<Self>, outcome: &Outcome, bytes: usize) {
        self.outcome = outcome.kind();
        self.code = outcome.error().map(|error| error.code);
        self.bytes_out = bytes;
        if let Outcome::Initialized(_, session) = outcome {
            self.session = Some(short(&session.nonce));
            self.features = Some(session.revision.features());
            self.opened = true;
        }
    }

    /// Returns the type of the error, as the conventions of OpenTelemetry name it.
    fn error_type(&self) -> Option<String> {
        Some(match self.outcome {
            OutcomeKind::Ok | OutcomeKind::InputRequired => return None,
            OutcomeKind::ProtocolError => self.code.unwrap_or_default().to_string(),
            OutcomeKind::TimedOut => "timeout".to_owned(),
            OutcomeKind::ToolError | OutcomeKind::Cancelled => self.outcome.as_str().to_owned(),
        })
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let duration: Duration = self.begin.elapsed();
        span::record_end(&self.span, self);
        span::event(self, duration);
        #[cfg(feature = "otel")]
        if let Some(otel) = &self.observer.otel {
            otel.measure(self, duration);
        }
        self.observer.metrics.request(
            &Series {
                method: &self.subject.method,
                component: self.subject.component().unwrap_or_default(),
                outcome: self.outcome.as_str(),
            },
            duration,
            [self.bytes_in, self.bytes_out],
            self.opened,
        );
    }
}

/// Returns a short id of a session. It identifies the session in logs, and is of no use to a client.
fn short(nonce: &[u8; 16]) -> String {
    nonce[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
