//! Spans and measurements of a server binary.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use mcp_tests::client::Connect as _;
use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::{Value, json};
use tracing::Instrument as _;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;

use super::collector::{Attributes, Collector, Received, attributes};
use super::observed::{self, TRAP};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// Returns a command that serves and exports to this URL.
fn command(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_observed-server"));
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("OTEL_") || name == "RUST_LOG")
    {
        command.env_remove(name);
    }
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    command
}

/// Returns a modern request.
fn request(id: usize, method: &str, mut params: Value) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "traceparent": format!("00-{TRACE}-{PARENT}-01"),
        "tracestate": "vendor=value",
    });
    params["_meta"] = meta;
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn call(id: usize, tool: &str, arguments: Value) -> Value {
    request(
        id,
        "tools/call",
        json!({ "name": tool, "arguments": arguments }),
    )
}

/// Serves these messages over stdio until the server ends, and returns its output and what it exported.
fn serve(mut command: Command, messages: &[Value], collector: &Collector) -> (Output, Received) {
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let conversation = Conversation::new(MODERN);
    let mut input = child.stdin.take().unwrap();
    for message in messages {
        let line = format!("{message}\n");
        conversation.wrote(line.as_bytes());
        input.write_all(line.as_bytes()).unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    for line in replies(&output) {
        conversation.received(&line);
    }
    (output, collector.take())
}

fn replies(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    let digits = "0123456789abcdef".as_bytes();
    let pairs = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    pairs
        .map(|digit| char::from(digits[usize::from(digit)]))
        .collect()
}

fn span<'a>(received: &'a Received, name: &str) -> &'a Span {
    let mut found = received.spans.iter().filter(|span| span.name == name);
    let span = found.next().expect(name);
    assert!(found.next().is_none(), "one span for {name}");
    span
}

fn expected(pairs: &[(&str, &str)]) -> Attributes {
    let pairs = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    pairs.collect()
}

/// Attributes of a span.
type Pairs = Vec<(&'static str, &'static str)>;

/// The requests, with the names and attributes of their spans. All of them have a few attributes in common.
fn cases() -> Vec<(Value, &'static str, Pairs)> {
    let tool = |name: &'static str| {
        vec![
            ("gen_ai.operation.name", "execute_tool"),
            ("gen_ai.tool.name", name),
        ]
    };
    let with = |mut pairs: Vec<_>, more: &[(&'static str, &'static str)]| {
        pairs.extend_from_slice(more);
        pairs
    };
    let text = json!({ "text": TRAP });
    vec![
        (
            call(1, "echo", text.clone()),
            "tools/call echo",
            tool("echo"),
        ),
        (
            call(2, "fails", text.clone()),
            "tools/call fails",
            with(tool("fails"), &[("error.type", "tool_error")]),
        ),
        (
            call(3, "late", json!({})),
            "tools/call late",
            with(tool("late"), &[("error.type", "timeout")]),
        ),
        (
            call(4, "no_such_tool", text.clone()),
            "tools/call _OTHER",
            with(
                tool("_OTHER"),
                &[
                    ("error.type", "-32602"),
                    ("rpc.response.status_code", "-32602"),
                ],
            ),
        ),
        (
            request(5, "resources/read", json!({ "uri": "notes://monday" })),
            "resources/read",
            vec![("mcp.resource.uri", "notes://monday")],
        ),
        (
            request(
                6,
                "prompts/get",
                json!({ "name": "greet", "arguments": { "name": TRAP } }),
            ),
            "prompts/get greet",
            vec![("gen_ai.prompt.name", "greet")],
        ),
        (request(7, "tools/list", json!({})), "tools/list", vec![]),
        (
            call(8, "echo_blocking", text),
            "tools/call echo_blocking",
            tool("echo_blocking"),
        ),
        (
            call(9, "traced", json!({})),
            "tools/call traced",
            tool("traced"),
        ),
        (
            call(10, "calls_another", json!({})),
            "tools/call calls_another",
            tool("calls_another"),
        ),
        (
            request(11, "resources/list", json!({})),
            "resources/list",
            vec![],
        ),
        (
            request(
                12,
                "completion/complete",
                json!({
                    "ref": { "type": "ref/prompt", "name": "greet" },
                    "argument": { "name": "name", "value": "A" },
                }),
            ),
            "completion/complete greet",
            vec![("gen_ai.prompt.name", "greet")],
        ),
    ]
}

#[test]
fn every_request_is_a_span_of_its_clients_trace() {
    let collector = Collector::start();
    let messages: Vec<Value> = cases().into_iter().map(|case| case.0).collect();
    let (output, received) = serve(command(&collector.url), &messages, &collector);
    assert!(output.status.success(), "{output:?}");
    for (message, name, own) in cases() {
        let span = span(&received, name);
        assert_eq!(span.kind(), SpanKind::Server, "{name}");
        assert_eq!(
            (hex(&span.trace_id), hex(&span.parent_span_id)),
            (TRACE.into(), PARENT.into())
        );
        assert_eq!(span.trace_state, "vendor=value");
        let common = [
            ("mcp.method.name", message["method"].as_str().unwrap()),
            ("mcp.protocol.version", MODERN),
            ("network.transport", "pipe"),
            ("jsonrpc.request.id", &message["id"].to_string()),
        ];
        let all = expected(&[&common[..], &own].concat());
        assert_eq!(attributes(&span.attributes), all, "{name}");
        let failed = own.iter().any(|(key, _)| *key == "error.type");
        let status = span.status.clone().unwrap_or_default();
        let code = if failed {
            StatusCode::Error
        } else {
            StatusCode::Unset
        };
        assert_eq!(status.code(), code, "{name}");
    }
    // The spans of requests and the one of the handler itself.
    assert_eq!(received.spans.len(), cases().len() + 1);
    assert!(!received.text.contains(TRAP), "{}", received.text);
    let resource = &received.resources[0];
    assert_eq!(resource["service.name"], "observed");
    assert_eq!(resource["service.version"], "1.2.3");
}

#[test]
fn spans_and_events_of_handlers_are_inside_of_the_request() {
    let collector = Collector::start();
    let messages: Vec<Value> = cases().into_iter().map(|case| case.0).collect();
    let (output, received) = serve(command(&collector.url), &messages, &collector);
    let outer = span(&received, "tools/call traced");
    let inner = span(&received, "query");
    assert_eq!(inner.parent_span_id, outer.span_id);
    assert_eq!(inner.trace_id, outer.trace_id);
    assert_eq!(inner.events[0].name, "the query is done");
    for (request, event) in [
        ("tools/call echo_blocking", "on a thread"),
        ("resources/list", "listing"),
        ("completion/complete greet", "completing"),
    ] {
        let on_thread = span(&received, request);
        assert_eq!(on_thread.events[0].name, event);
    }
    // The handler's own calls continue the trace below its span.
    let calls = span(&received, "tools/call calls_another");
    let replies = replies(&output);
    let reply = replies.iter().find(|reply| reply["id"] == 10).unwrap();
    let headers = format!(
        "traceparent: 00-{TRACE}-{}-01\ntracestate: vendor=value",
        hex(&calls.span_id)
    );
    assert_eq!(reply["result"]["content"][0]["text"], headers);
}

#[test]
fn durations_are_measured_by_method_component_and_error() {
    let collector = Collector::start();
    let messages = [
        call(1, "echo", json!({ "text": TRAP })),
        call(2, "echo", json!({ "text": TRAP })),
        call(3, "fails", json!({ "text": TRAP })),
        request(
            4,
            "resources/read",
            json!({ "uri": format!("notes://{TRAP}") }),
        ),
    ];
    let mut command = command(&collector.url);
    command.env("OTEL_TRACES_EXPORTER", "none");
    let (_, received) = serve(command, &messages, &collector);
    let common = [
        ("mcp.protocol.version", MODERN),
        ("network.transport", "pipe"),
    ];
    let call = [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.operation.name", "execute_tool"),
    ];
    let series = |own: &[(&str, &str)]| {
        let name = "mcp.server.operation.duration".to_owned();
        (name, expected(&[&common[..], own].concat()))
    };
    let all = [
        (
            series(&[&call[..], &[("gen_ai.tool.name", "echo")]].concat()),
            2,
        ),
        (
            series(
                &[
                    &call[..],
                    &[("gen_ai.tool.name", "fails"), ("error.type", "tool_error")],
                ]
                .concat(),
            ),
            1,
        ),
        (series(&[("mcp.method.name", "resources/read")]), 1),
    ];
    assert_eq!(received.measurements, all.into_iter().collect());
    assert!(received.spans.is_empty());
    assert!(!received.text.contains(TRAP));
}

#[test]
fn the_environment_names_the_service_and_can_disable_everything() {
    let messages = [call(1, "echo", json!({ "text": "x" }))];
    let collector = Collector::start();
    let mut named = command(&collector.url);
    named.env("OTEL_SERVICE_NAME", "mine");
    named.env(
        "OTEL_RESOURCE_ATTRIBUTES",
        "deployment.environment.name=test,service.version=7",
    );
    let (_, received) = serve(named, &messages, &collector);
    let resource = &received.resources[0];
    assert_eq!(resource["service.name"], "mine");
    assert_eq!(resource["service.version"], "7");
    assert_eq!(resource["deployment.environment.name"], "test");
    let mut disabled = command(&collector.url);
    disabled.env("OTEL_SDK_DISABLED", "true");
    let (output, received) = serve(disabled, &messages, &collector);
    assert!(output.status.success());
    assert_eq!(received.text, "");
    let mut sampled = command(&collector.url);
    sampled.env("OTEL_TRACES_SAMPLER", "always_off");
    let (_, received) = serve(sampled, &messages, &collector);
    assert!(received.spans.is_empty() && !received.measurements.is_empty());
}

#[test]
fn what_the_exporter_cannot_do_is_an_error_at_the_start() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "https://collector.example/v1/traces",
        ),
    ] {
        let mut command = command("http://127.0.0.1:9");
        command.env(name, value).stdin(Stdio::null());
        let output = command.output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(name), "{told}");
    }
}

#[test]
fn a_server_stops_in_time_without_a_collector() {
    let collector = Collector::start();
    let messages = [call(1, "echo", json!({ "text": "x" }))];
    // Connections to this listener are never accepted, so that exports hang.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for url in ["http://127.0.0.1:9", &silent] {
        let begin = Instant::now();
        let (output, _) = serve(command(url), &messages, &collector);
        assert!(output.status.success());
        assert!(
            begin.elapsed() < Duration::from_secs(8),
            "{url}: {:?}",
            begin.elapsed()
        );
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains(" WARN mcp_runtime::observe::otel: the last traces or metrics"),
            "{told}"
        );
    }
}

/// Posts a request to a server binary over HTTP, with this header, and returns what is exported when the server stops.
fn post(header: &str, message: &Value, collector: &Collector) -> Received {
    let mut command = command(&collector.url);
    command.args(["--http", "127.0.0.1:0"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    let (_, rest) = line.split_once("http://").expect(&line);
    let (address, _) = rest.split_once('/').unwrap();
    let body = message.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n{header}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let id = child.id().to_string();
    assert!(Command::new("kill").arg(id).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    collector.take()
}

#[test]
fn a_request_over_http_continues_the_trace_of_its_headers() {
    let collector = Collector::start();
    let message = json!({ "jsonrpc": "2.0", "id": "one", "method": "tools/list" });
    let header = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n");
    for (header, parent) in [(header.as_str(), PARENT), ("", "")] {
        let received = post(header, &message, &collector);
        let span = span(&received, "tools/list");
        assert_eq!(hex(&span.parent_span_id), parent);
        assert_eq!(hex(&span.trace_id) == TRACE, !parent.is_empty());
        let mut attributes = attributes(&span.attributes);
        let port = attributes.remove("client.port").unwrap();
        assert!(port.parse::<u16>().is_ok(), "{port}");
        let all = expected(&[
            ("mcp.method.name", "tools/list"),
            ("mcp.protocol.version", "2025-03-26"),
            ("jsonrpc.request.id", "one"),
            ("network.protocol.name", "http"),
            ("network.transport", "tcp"),
            ("client.address", "127.0.0.1"),
        ]);
        assert_eq!(attributes, all);
    }
}

/// The variable that makes [`a_program_adds_the_layer_to_its_own_subscriber`] a program: what surrounds its call.
const PROGRAM: &str = "OBSERVED_PROGRAM";

/// Calls a tool of a server in this process, within a span and with metadata that `case` names.
fn call_here(case: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = observed::server().otel();
    let subscriber = tracing_subscriber::registry().with(server.otel_layer());
    with_default(subscriber, || {
        runtime.block_on(async {
            let client = server.connect().await;
            let mut params = json!({ "name": "echo", "arguments": { "text": TRAP } });
            if case.contains("metadata") {
                params["_meta"] = json!({ "traceparent": format!("00-{TRACE}-{PARENT}-01") });
            }
            let span = case.contains("span").then(|| tracing::info_span!("outer"));
            let span = span.unwrap_or_else(tracing::Span::none);
            let call = client.request("tools/call", params);
            call.instrument(span).await.unwrap();
            client.close().await;
        });
    });
}

/// The environment cannot be changed within a process, so the program is a process of its own: this test.
#[test]
fn a_program_adds_the_layer_to_its_own_subscriber() {
    if let Ok(case) = std::env::var(PROGRAM) {
        return call_here(&case);
    }
    let collector = Collector::start();
    let export = |case: &str| {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args([
            "--exact",
            "traces::a_program_adds_the_layer_to_its_own_subscriber",
        ]);
        program.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url);
        let output = program.env(PROGRAM, case).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        collector.take()
    };
    let name = "tools/call echo";
    let alone = export("nothing");
    assert!(span(&alone, name).parent_span_id.is_empty());
    let inside = export("span");
    assert_eq!(
        span(&inside, name).parent_span_id,
        span(&inside, "outer").span_id
    );
    let both = export("span and metadata");
    let request = span(&both, name);
    assert_eq!(hex(&request.parent_span_id), PARENT);
    assert_eq!(request.links[0].span_id, span(&both, "outer").span_id);
}
