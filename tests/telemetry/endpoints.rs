//! `/metrics`, and the metrics of a server without HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use mcp_runtime::{Limits, ServerHandle};
use mcp_tests::client::Connect as _;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::observed::{self, TRAP};

/// The maximum time to wait for a count.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the samples of a page, by name and labels.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    });
    samples.collect()
}

fn call(tool: &str, text: &str) -> Value {
    let arguments = match tool {
        "waits" => json!({}),
        _ => json!({ "text": text }),
    };
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": tool, "arguments": arguments, "_meta": meta(),
    } })
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A POST request with the headers of the modern era.
fn post(host: &str, message: &Value) -> String {
    let body = message.to_string();
    let name = message["params"]["name"].as_str();
    let name = name.map_or(String::new(), |name| format!("Mcp-Name: {name}\r\n"));
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {MODERN}\r\n\
         Mcp-Method: {}\r\n{name}Content-Length: {}\r\n\r\n{body}",
        message["method"].as_str().unwrap(),
        body.len()
    )
}

async fn send(address: &str, request: &str) -> String {
    let mut stream = open(address, request).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn open(address: &str, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Waits until a sample has this value.
async fn until(handle: &ServerHandle, series: &str, value: f64) {
    let waiting = async {
        loop {
            let page = handle.metrics_text().unwrap_or_default();
            if samples(&page).get(series) == Some(&value) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let done = tokio::time::timeout(TIMEOUT, waiting).await;
    assert!(
        done.is_ok(),
        "{series} is not {value}:\n{}",
        handle.metrics_text().unwrap_or_default()
    );
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.requests, limits.listeners, limits.connections) = (1, 1, 4);
    limits.message_bytes = 10_000;
    limits
}

#[tokio::test]
async fn requests_connections_and_refusals_are_counted() {
    let server = observed::server().metrics().limits(limits());
    let handle = server.handle();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(server.serve_listener(listener));
    for (tool, times) in [("echo", 2), ("fails", 1), ("no_such_tool", 3)] {
        for _ in 0..times {
            send(&address, &post(&address, &call(tool, TRAP))).await;
        }
    }
    // Each limit refuses something.
    let waits = open(&address, &post(&address, &call("waits", ""))).await;
    until(&handle, "mcp_requests_in_flight", 1.0).await;
    let refused = send(&address, &post(&address, &call("echo", ""))).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    let listen = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": { "notifications": {}, "_meta": meta() } });
    let listens = open(&address, &post(&address, &listen)).await;
    until(&handle, "mcp_listeners", 1.0).await;
    send(&address, &post(&address, &listen)).await;
    send(
        &address,
        &post(&address, &call("echo", &"x".repeat(20_000))),
    )
    .await;
    send(&address, &post("evil.test", &call("echo", ""))).await;
    send(
        &address,
        &post(&address, &call("echo", "")).replace("POST /mcp", "POST /other"),
    )
    .await;
    until(&handle, "mcp_connections{transport=\"http\"}", 2.0).await;
    let idle = [open(&address, "").await, open(&address, "").await];
    until(&handle, "mcp_connections{transport=\"http\"}", 4.0).await;
    let beyond = open(&address, "").await;
    until(&handle, "mcp_refusals_total{reason=\"connections\"}", 1.0).await;
    drop((waits, listens, idle, beyond));
    until(&handle, "mcp_connections{transport=\"http\"}", 0.0).await;

    let scrape = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let answer = send(&address, &scrape).await;
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(
        !page.contains(TRAP) && !page.contains("no_such_tool"),
        "{page}"
    );
    let samples = samples(page);
    let request = |component: &str, outcome: &str| {
        format!(
            "mcp_requests_total{{method=\"tools/call\",component=\"{component}\",outcome=\"{outcome}\"}}"
        )
    };
    let refused = |reason: &str| format!("mcp_refusals_total{{reason=\"{reason}\"}}");
    let listen =
        "mcp_requests_total{method=\"subscriptions/listen\",component=\"\",outcome=\"cancelled\"}";
    let echo = "{method=\"tools/call\",component=\"echo\"";
    for (series, value) in [
        (request("echo", "ok"), 2.0),
        (request("echo", "protocol_error"), 1.0),
        (request("fails", "tool_error"), 1.0),
        (request("_OTHER", "protocol_error"), 3.0),
        (request("waits", "cancelled"), 1.0),
        (listen.to_owned(), 1.0),
        (format!("mcp_request_duration_seconds_count{echo}}}"), 3.0),
        (
            format!("mcp_request_duration_seconds_bucket{echo},le=\"+Inf\"}}"),
            3.0,
        ),
        (refused("requests"), 1.0),
        (refused("listeners"), 1.0),
        (refused("connections"), 1.0),
        (refused("message_bytes"), 1.0),
        (refused("http_403"), 1.0),
        (refused("http_404"), 1.0),
        ("mcp_requests_in_flight".to_owned(), 0.0),
        ("mcp_listeners".to_owned(), 0.0),
        ("mcp_connections{transport=\"http\"}".to_owned(), 1.0),
    ] {
        assert_eq!(samples.get(&series), Some(&value), "{series}\n{page}");
    }
    assert!(
        samples["mcp_received_bytes_total"] > 1000.0 && samples["mcp_sent_bytes_total"] > 1000.0
    );
    serving.abort();
}

#[tokio::test]
async fn connections_and_sessions_of_other_transports_are_counted() {
    let server = observed::server().metrics().limits(limits());
    let handle = server.handle();
    assert_eq!(handle.metrics_text(), None, "the server does not run");
    let (mut ours, theirs) = tokio::io::duplex(1 << 20);
    let (reader, writer) = tokio::io::split(theirs);
    let serving = tokio::spawn(server.serve_streams(reader, writer));
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } } });
    let messages = format!("{hello}\nnot JSON\n{}\n", "x".repeat(20_000));
    ours.write_all(messages.as_bytes()).await.unwrap();
    for (series, value) in [
        ("mcp_connections{transport=\"custom\"}", 1.0),
        ("mcp_sessions_total", 1.0),
        ("mcp_listeners", 1.0),
        ("mcp_refusals_total{reason=\"malformed\"}", 1.0),
        ("mcp_refusals_total{reason=\"message_bytes\"}", 1.0),
    ] {
        until(&handle, series, value).await;
    }
    drop(ours);
    serving.await.unwrap().ok();
    until(&handle, "mcp_connections{transport=\"custom\"}", 0.0).await;
}

#[tokio::test]
async fn a_server_without_metrics_has_none() {
    let server = observed::server();
    let handle = server.handle();
    let client = server.connect().await;
    client.call("echo", json!({ "text": "x" })).await.unwrap();
    assert_eq!(handle.metrics_text(), None);
}
