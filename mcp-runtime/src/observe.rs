//! Observation of requests: one span, one event and one measurement for each.
//!
//! A request that nothing observes has no [`Observation`].

#[cfg(feature = "audit")]
mod audit;
#[cfg(feature = "otel")]
mod otel;
mod record;
mod span;

use std::sync::Arc;
use std::time::Instant;

use tracing::Span;

#[cfg(feature = "audit")]
use crate::audit::{AuditFn, AuditRecord, DigestKey};
use crate::metrics::Metrics;
use crate::outcome::Outcome;
use crate::protocol::revision::Features;
use crate::protocol::{Id, TraceContext};
use crate::service::Exchange;
#[cfg(feature = "otel")]
use crate::trace;

#[cfg(feature = "audit")]
use audit::Audited;
#[cfg(feature = "otel")]
pub(crate) use otel::Otel;
pub(crate) use record::{Component, Subject};
use record::{Record, short};
pub(crate) use span::in_milliseconds;
#[cfg(feature = "cli")]
pub(crate) use span::{TARGET, is_short};

/// The observers of a server.
#[derive(Default)]
pub(crate) struct Observer {
    pub(crate) metrics: Metrics,
    #[cfg(feature = "otel")]
    pub(crate) otel: Option<Otel>,
    #[cfg(feature = "audit")]
    pub(crate) audits: Vec<AuditFn>,
    /// The key of the digests in audit records. The server has one if it has audits.
    #[cfg(feature = "audit")]
    pub(crate) audit_key: Option<Box<DigestKey>>,
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
        is_observed.then(|| Observation::begin(Arc::clone(self), span, exchange, subject))
    }

    fn measures(&self) -> bool {
        #[cfg(feature = "audit")]
        if !self.audits.is_empty() {
            return true;
        }
        #[cfg(feature = "otel")]
        if self.otel.is_some() {
            return true;
        }
        self.metrics.is_enabled()
    }
}

#[cfg(feature = "audit")]
impl Observer {
    /// Passes a record to all consumers.
    pub(crate) fn audit(&self, record: impl FnOnce() -> AuditRecord) {
        if self.audits.is_empty() {
            return;
        }
        let record = record();
        for audit in &self.audits {
            audit(&record);
        }
    }
}

/// The observation of one request. It ends when this is dropped; a request that has not [ended](Self::end) before is
/// cancelled.
pub(crate) struct Observation {
    observer: Arc<Observer>,
    span: Span,
    begin: Instant,
    record: Record,
    #[cfg(feature = "audit")]
    audited: Audited,
    /// `true` if the request opened a session.
    opened: bool,
}

impl Observation {
    #[cold]
    fn begin(
        observer: Arc<Observer>,
        span: Span,
        exchange: &Exchange,
        subject: impl FnOnce() -> Subject,
    ) -> Box<Self> {
        let mut observation = Box::new(Self {
            observer,
            span,
            begin: Instant::now(),
            record: Record::new(exchange, subject()),
            #[cfg(feature = "audit")]
            audited: Audited::default(),
            opened: false,
        });
        #[cfg(feature = "audit")]
        if !observation.observer.audits.is_empty() {
            let key = observation.observer.audit_key.as_deref();
            let called = observation.record.subject.called.as_deref();
            observation.audited = Audited::of(exchange, called, key);
        }
        observation.record_begin(exchange.message.id(), exchange);
        observation
    }

    fn record_begin(&mut self, id: Option<&Id>, exchange: &Exchange) {
        let params = exchange.message.params().ok();
        let meta = params.and_then(|params| params.meta().json());
        let headers = exchange.origin.headers.as_deref();
        #[cfg(feature = "otel")]
        trace::set_parent(&self.span, meta, headers);
        span::record_begin(&self.span, &self.record, id, exchange.origin.peer);
        #[cfg(feature = "otel")]
        {
            self.record.trace_id = trace::trace_id(&self.span);
        }
        if self.record.trace_id.is_none() {
            let incoming = TraceContext::incoming(meta, headers);
            self.record.trace_id = incoming.trace_id().map(str::to_owned);
        }
    }

    /// Returns the span of the request, which is entered while the request is served.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Returns the id of the trace that the request belongs to.
    pub(crate) fn trace_id(&self) -> Option<String> {
        self.record.trace_id.clone()
    }

    /// Records the revision of the client.
    pub(crate) fn classified(&mut self, features: &'static Features) {
        self.record.features = Some(features);
    }

    /// Records the outcome, and the length of the reply in bytes.
    pub(crate) fn end(mut self: Box<Self>, outcome: &Outcome, bytes: usize) {
        #[cfg(feature = "audit")]
        {
            self.audited.decision = audit::decision(outcome);
        }
        let record = &mut self.record;
        record.outcome = outcome.kind();
        record.code = outcome.error().map(|error| error.code);
        record.bytes_out = bytes;
        if let Outcome::Initialized(_, session) = outcome {
            record.session = Some(short(&session.nonce));
            record.features = Some(session.revision.features());
            self.opened = true;
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let duration = self.begin.elapsed();
        span::record_end(&self.span, &self.record);
        span::event(&self.record, duration);
        #[cfg(feature = "otel")]
        if let Some(otel) = &self.observer.otel {
            otel.measure(&self.record, duration);
        }
        #[cfg(feature = "audit")]
        self.observer
            .audit(|| self.audited.record(&self.record, duration));
        let (series, bytes) = (self.record.series(), self.record.bytes());
        let metrics = &self.observer.metrics;
        metrics.request(&series, duration, bytes, self.opened);
    }
}
