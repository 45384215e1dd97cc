//! Traces and metrics by OTLP over HTTP, set up from the environment.
//!
//! See <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.

use std::env;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, MeterProvider as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use super::record::{Component, Record};

/// The name of the instrumentation scope.
const SCOPE: &str = "mcp-runtime";

/// The longest time that the server waits for the last export when it stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The timeout of one export, if the environment sets none.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// The bounds of the histogram of durations, in seconds, as the conventions recommend them.
const BOUNDS: [f64; 14] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// The exporters of a server. Clones share them.
#[derive(Clone)]
pub(crate) struct Otel {
    traces: Option<SdkTracerProvider>,
    metrics: Option<(SdkMeterProvider, Histogram<f64>)>,
    runtime: Arc<OnceLock<Handle>>,
}

impl Otel {
    /// Creates exporters from the `OTEL_*` variables. Returns `None` if they disable the SDK.
    ///
    /// # Errors
    /// Returns an error if the environment asks for something that this build does not support.
    pub(crate) fn from_env(name: &str, version: &str) -> Result<Option<Self>, String> {
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        check_environment()?;
        let runtime = Arc::<OnceLock<Handle>>::default();
        let client = || Client {
            inner: HyperClient::with_default_connector(export_timeout(), None),
            runtime: Arc::clone(&runtime),
        };
        let resource = resource(name, version);
        let traces = is_exported("OTEL_TRACES_EXPORTER");
        let traces = traces.then(|| tracer_provider(client(), resource.clone()));
        let metrics = is_exported("OTEL_METRICS_EXPORTER");
        let metrics = metrics.then(|| meter_provider(client(), resource));
        Ok(Some(Self {
            traces: traces.transpose().map_err(mistake)?,
            metrics: metrics.transpose().map_err(mistake)?,
            runtime,
        }))
    }

    /// Returns the layer that exports spans.
    pub(crate) fn layer<S>(&self) -> Option<OpenTelemetryLayer<S, SdkTracer>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = self.traces.as_ref()?.tracer(SCOPE);
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        // The conventions for requests have no places in code, threads and idle times.
        let layer = layer.with_location(false).with_threads(false);
        Some(layer.with_tracked_inactivity(false).with_target(false))
    }

    /// Exports on the current runtime from now on.
    pub(crate) fn start(&self) {
        if let Ok(handle) = Handle::try_current() {
            // A server is started once.
            let _ = self.runtime.set(handle);
        }
    }

    /// Measures a request.
    pub(super) fn measure(&self, record: &Record, duration: Duration) {
        let Some((_, histogram)) = &self.metrics else {
            return;
        };
        histogram.record(duration.as_secs_f64(), &attributes(record));
    }

    /// Exports what is left and ends the exporters.
    pub(crate) async fn flush(&self) {
        let otel = self.clone();
        // The exporters block the calling thread, while this runtime sends.
        let flushed = tokio::task::spawn_blocking(move || otel.shut_down());
        if tokio::time::timeout(FLUSH_TIMEOUT, flushed).await.is_err() {
            tracing::warn!("the last traces or metrics were not exported within {FLUSH_TIMEOUT:?}");
        }
    }

    fn shut_down(self) {
        let traces = self.traces;
        let traces = traces.map(|traces| traces.shutdown_with_timeout(FLUSH_TIMEOUT));
        let metrics = self.metrics;
        let metrics = metrics.map(|(metrics, _)| metrics.shutdown_with_timeout(FLUSH_TIMEOUT));
        for result in [traces, metrics].into_iter().flatten() {
            // A server may be stopped twice.
            if let Err(error @ (OTelSdkError::Timeout(_) | OTelSdkError::InternalFailure(_))) =
                result
            {
                tracing::warn!(%error, "the last traces or metrics could not be exported");
            }
        }
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_exported(name: &str) -> bool {
    variable(name).is_none_or(|value| value != "none")
}

fn export_timeout() -> Duration {
    let milliseconds = variable("OTEL_EXPORTER_OTLP_TIMEOUT").and_then(|text| text.parse().ok());
    milliseconds.map_or(EXPORT_TIMEOUT, Duration::from_millis)
}

/// Returns an error if the environment asks for a protocol that is not supported.
fn check_environment() -> Result<(), String> {
    for signal in ["", "TRACES_", "METRICS_"] {
        let name = format!("OTEL_EXPORTER_OTLP_{signal}PROTOCOL");
        if let Some(protocol) = variable(&name).filter(|protocol| protocol != "http/protobuf") {
            return Err(format!(
                "{name} is `{protocol}`, but only `http/protobuf` is supported"
            ));
        }
        let name = format!("OTEL_EXPORTER_OTLP_{signal}ENDPOINT");
        if variable(&name).is_some_and(|url| url.to_ascii_lowercase().starts_with("https:")) {
            return Err(format!(
                "{name} has the scheme `https`, which is not supported: send to a collector on this machine by `http`"
            ));
        }
    }
    Ok(())
}

/// Returns the resource. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence over the server's name.
fn resource(name: &str, version: &str) -> Resource {
    let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let mut pairs = attributes.split(',').map(str::trim);
    let has_version = pairs
        .clone()
        .any(|pair| pair.starts_with("service.version="));
    let has_name = variable("OTEL_SERVICE_NAME").is_some()
        || pairs.any(|pair| pair.starts_with("service.name="));
    let mut resource = Resource::builder();
    if !has_name {
        resource = resource.with_service_name(name.to_owned());
    }
    if !has_version {
        let version = KeyValue::new("service.version", version.to_owned());
        resource = resource.with_attribute(version);
    }
    resource.build()
}

fn mistake(error: ExporterBuildError) -> String {
    format!("the OTLP exporter: {error}")
}

fn tracer_provider(
    client: Client,
    resource: Resource,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_http().with_http_client(client);
    let provider = SdkTracerProvider::builder().with_resource(resource);
    Ok(provider.with_batch_exporter(exporter.build()?).build())
}

/// Returns a provider with the histogram of durations.
fn meter_provider(
    client: Client,
    resource: Resource,
) -> Result<(SdkMeterProvider, Histogram<f64>), ExporterBuildError> {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_http_client(client);
    let provider = SdkMeterProvider::builder().with_resource(resource);
    let provider = provider.with_periodic_exporter(exporter.build()?).build();
    let duration = provider
        .meter(SCOPE)
        .f64_histogram("mcp.server.operation.duration")
        .with_unit("s")
        .with_description("The duration of a request, from its receipt to its result.")
        .with_boundaries(BOUNDS.to_vec())
        .build();
    Ok((provider, duration))
}

fn attributes(record: &Record) -> Vec<KeyValue> {
    let subject = &record.subject;
    let mut attributes = vec![KeyValue::new("mcp.method.name", subject.method.clone())];
    let mut push = |key: &'static str, value: String| attributes.push(KeyValue::new(key, value));
    match &subject.component {
        Some(Component::Tool(name)) => {
            push("gen_ai.operation.name", "execute_tool".to_owned());
            push("gen_ai.tool.name", name.clone());
        }
        Some(Component::Prompt(name)) => push("gen_ai.prompt.name", name.clone()),
        Some(Component::Resource(_)) | None => {}
    }
    if let Some(error_type) = record.error_type() {
        push("error.type", error_type);
    }
    if let Some(code) = record.code {
        push("rpc.response.status_code", code.to_string());
    }
    if let Some(features) = record.features {
        push("mcp.protocol.version", features.name.to_owned());
    }
    let (protocol, transport) = record.transport.network();
    if let Some(protocol) = protocol {
        push("network.protocol.name", protocol.to_owned());
    }
    if let Some(transport) = transport {
        push("network.transport", transport.to_owned());
    }
    attributes
}

/// A client that sends on the server's runtime. The exporters run on their own threads, which have no runtime.
#[derive(Debug)]
struct Client {
    inner: HyperClient,
    runtime: Arc<OnceLock<Handle>>,
}

impl HttpClient for Client {
    fn send_bytes<'client, 'future>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'future>>
    where
        'client: 'future,
        Self: 'future,
    {
        let runtime = self.runtime.get().cloned();
        let client = self.inner.clone();
        Box::pin(async move {
            let runtime = runtime.ok_or("the server is not started")?;
            runtime
                .spawn(async move { client.send_bytes(request).await })
                .await?
        })
    }
}
