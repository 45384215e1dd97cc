//! A collector that keeps what it receives by OTLP over HTTP.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// The attributes of a span, a data point or a resource, as texts.
pub(crate) type Attributes = BTreeMap<String, String>;

/// Everything that was received.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) spans: Vec<Span>,
    pub(crate) resources: Vec<Attributes>,
    /// The number of measurements by metric and attributes. The totals are cumulative, so the last one counts.
    pub(crate) measurements: BTreeMap<(String, Attributes), u64>,
    /// The texts of all messages, to search for values that must not be there.
    pub(crate) text: String,
}

/// A collector at a port of its own.
pub(crate) struct Collector {
    pub(crate) url: String,
    received: Arc<Mutex<Received>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::<Mutex<Received>>::default();
        let shared = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&mut stream.unwrap(), &shared));
            }
        });
        Self { url, received }
    }

    pub(crate) fn take(&self) -> Received {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

/// Serves the requests of a connection.
fn serve(stream: &mut TcpStream, received: &Mutex<Received>) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let head = bytes.windows(4).position(|part| part == b"\r\n\r\n");
        if let Some(head) = head.map(|head| head + 4) {
            let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
            let length = text.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.parse::<usize>().unwrap())
            });
            let end = head + length.expect("the length of the body");
            if bytes.len() >= end {
                let path = text.split(' ').nth(1).unwrap();
                keep(path, &bytes[head..end], &mut received.lock().unwrap());
                bytes.drain(..end);
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    .unwrap();
                continue;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

fn keep(path: &str, body: &[u8], received: &mut Received) {
    match path {
        "/v1/traces" => {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            write!(received.text, "{request:?}").unwrap();
            for part in request.resource_spans {
                received
                    .resources
                    .push(attributes(&part.resource.unwrap().attributes));
                let spans = part.scope_spans.into_iter().flat_map(|scope| scope.spans);
                received.spans.extend(spans);
            }
        }
        "/v1/metrics" => {
            let request = ExportMetricsServiceRequest::decode(body).unwrap();
            write!(received.text, "{request:?}").unwrap();
            let scopes = request
                .resource_metrics
                .into_iter()
                .flat_map(|part| part.scope_metrics);
            for metric in scopes.flat_map(|scope| scope.metrics) {
                let Some(Data::Histogram(histogram)) = metric.data else {
                    panic!("{} is not a histogram", metric.name);
                };
                assert_eq!(metric.unit, "s");
                for point in histogram.data_points {
                    assert_eq!(point.explicit_bounds.len(), 14);
                    let key = (metric.name.clone(), attributes(&point.attributes));
                    received.measurements.insert(key, point.count);
                }
            }
        }
        other => panic!("{other}"),
    }
}

/// Returns attributes as texts.
pub(crate) fn attributes(attributes: &[KeyValue]) -> Attributes {
    let text = |pair: &KeyValue| match pair.value.clone().and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let pairs = attributes.iter().map(|pair| (pair.key.clone(), text(pair)));
    pairs.collect()
}
