//! The functions of a server for metrics and traces.

#[cfg(feature = "otel")]
use tracing::Subscriber;
#[cfg(feature = "otel")]
use tracing_subscriber::layer::Layer;
#[cfg(feature = "otel")]
use tracing_subscriber::registry::LookupSpan;

use super::Server;
#[cfg(feature = "audit")]
use crate::audit::Audit;
#[cfg(feature = "metrics")]
use crate::metrics::Metrics;
#[cfg(feature = "otel")]
use crate::observe::Otel;

impl Server {
    /// Counts requests, connections and refused messages for Prometheus.
    ///
    /// The built-in HTTP listener serves the metrics at `/metrics`, to clients whose `Host` is allowed.
    /// [`ServerHandle::metrics_text`](crate::ServerHandle::metrics_text) returns them for other HTTP servers.
    ///
    /// | metric | labels | |
    /// |---|---|---|
    /// | `mcp_requests_total` | `method`, `component`, `outcome` | requests that ended; the outcomes are those of [`OutcomeKind::as_str`](crate::OutcomeKind::as_str) |
    /// | `mcp_request_duration_seconds` | `method`, `component` | a histogram of durations |
    /// | `mcp_requests_in_flight` | | requests whose handlers run |
    /// | `mcp_connections` | `transport` | open connections |
    /// | `mcp_sessions_total` | | sessions that were opened; the server keeps no list of sessions, so it does not know how many are in use |
    /// | `mcp_listeners` | | clients that listen for changes |
    /// | `mcp_refusals_total` | `reason` | refused messages and connections: `requests`, `connections`, `listeners` and `message_bytes` for the limits, `malformed`, or an HTTP status such as `http_403` |
    /// | `mcp_received_bytes_total`, `mcp_sent_bytes_total` | | bytes of requests, and of replies |
    ///
    /// Methods and components that the server does not have are counted as `_OTHER`.
    ///
    /// ```no_run
    /// fn main() -> std::process::ExitCode {
    ///     mcp_runtime::server!().metrics().run()
    /// }
    /// ```
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self) -> Self {
        self.observer.metrics = Metrics::enabled();
        self
    }

    /// Exports traces and metrics by OTLP over HTTP, as the `OTEL_*` variables of the environment say.
    ///
    /// By default they are sent to a collector at `http://localhost:4318`. [`Server::run`] installs the layer that exports
    /// spans; a program with its own subscriber adds [`Server::otel_layer`] to it. The last spans and metrics are sent when
    /// the server stops, which takes at most 5 s.
    ///
    /// Each request is a span with the attributes of the
    /// [conventions for MCP](https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/). Its parent is the context in the
    /// request's `_meta`, the span around the request, or the context in the HTTP headers. Spans and events of handlers are
    /// inside of it. The span has the URI of a resource, and no other argument or result. The id of a
    /// session is the short one of the log. The duration of each request is measured as `mcp.server.operation.duration`.
    ///
    /// The variables for the endpoint, headers, timeout, resource, sampler, batches and intervals are read, as are
    /// `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER=none` and `OTEL_METRICS_EXPORTER=none`. If they ask for a protocol other
    /// than `http/protobuf`, or for an endpoint with `https`, the server cannot be built.
    ///
    /// ```no_run
    /// fn main() -> std::process::ExitCode {
    ///     mcp_runtime::server!().otel().run()
    /// }
    /// ```
    #[cfg(feature = "otel")]
    pub fn otel(mut self) -> Self {
        match Otel::from_env(&self.about.name, &self.about.version) {
            Ok(otel) => self.observer.otel = otel,
            Err(mistake) => self.components.problem(mistake),
        }
        self
    }

    /// Returns the server without the exporters of [`Server::otel`] and without its audit.
    #[cfg(feature = "cli")]
    #[cfg_attr(not(any(feature = "audit", feature = "otel")), allow(unused_mut))] // there are no exporters
    pub(crate) fn without_exporters(mut self) -> Self {
        #[cfg(feature = "audit")]
        self.audits.clear();
        #[cfg(feature = "otel")]
        {
            self.observer.otel = None;
        }
        self
    }

    /// Adds a consumer of audit records: one record of each decision about a request, and of how the request ended.
    ///
    /// A consumer is [`Audit::log`], [`Audit::function`] or [`Audit::file`](crate::Audit::file). Records have the caller, the
    /// component, the decision, the outcome and ids that correlate them with the log and with traces. Instead of arguments
    /// they have a digest, and they never have results or credentials. See [`AuditRecord`](crate::AuditRecord).
    ///
    /// Every request that is read is recorded, and every HTTP request whose credentials are missing or not valid. HTTP requests
    /// that are refused for other reasons before their message is read are in the log and in the metrics.
    ///
    /// ```
    /// use mcp_runtime::{Audit, Server};
    ///
    /// let server = Server::new("app", "1.0.0").audit(Audit::log());
    /// ```
    #[cfg(feature = "audit")]
    pub fn audit(mut self, audit: impl Into<Audit>) -> Self {
        self.audits.push(audit.into());
        self
    }

    /// Sets the key of the digests of arguments in audit records.
    ///
    /// Equal arguments have equal digests under one key. By default the key is random, so that digests of different processes
    /// cannot be compared. Replicas, and processes before and after a restart, have comparable digests if they share a key.
    /// The key is a secret: with it, short arguments can be found by trying.
    ///
    /// ```
    /// use mcp_runtime::{Audit, Server};
    ///
    /// let key = [7; 32]; // from a store of secrets
    /// let server = Server::new("app", "1.0.0").audit(Audit::log()).audit_key(key);
    /// ```
    #[cfg(feature = "audit")]
    pub fn audit_key(mut self, key: [u8; 32]) -> Self {
        self.audit_key = Some(Box::new(key));
        self
    }

    /// Returns the layer that exports spans, for a program with its own `tracing` subscriber. Returns `None` without
    /// [`Server::otel`], and if the environment disables it.
    ///
    /// ```no_run
    /// use tracing_subscriber::prelude::*;
    ///
    /// # async fn serve() -> Result<(), mcp_runtime::ServeError> {
    /// let server = mcp_runtime::server!().otel();
    /// tracing_subscriber::registry().with(server.otel_layer()).init();
    /// server.serve_stdio().await
    /// # }
    /// ```
    #[cfg(feature = "otel")]
    pub fn otel_layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + 'static + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        self.observer.otel.as_ref()?.layer()
    }
}
