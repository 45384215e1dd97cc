//! The trace and the principal of a request, in its event and for its handler.

use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tracing::subscriber::with_default;

use super::capture::{Captured, REQUEST};
use super::observed;

const IN_META: &str = "00-11111111111111111111111111111111-2222222222222222-01";
const IN_HEADERS: &str = "00-33333333333333333333333333333333-4444444444444444-00";

/// Calls the tool that returns its trace headers, and returns them with the trace id of the event.
async fn call(meta: Value, headers: &str, captured: &Captured) -> (String, Option<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(observed::server().serve_listener(listener));
    let mut all = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    all.as_object_mut()
        .unwrap()
        .extend(meta.as_object().unwrap().clone());
    let params = json!({ "name": "calls_another", "arguments": {}, "_meta": all });
    let body =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\n\
         Mcp-Name: calls_another\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serving.abort();
    let (_, reply) = answer.split_once("\r\n\r\n").unwrap();
    let reply: Value = serde_json::from_str(reply).expect(reply);
    let event = captured.take().pop().unwrap();
    let trace = event
        .get("trace_id")
        .map(|id| id.as_str().unwrap().to_owned());
    let text = reply["result"]["content"][0]["text"].as_str().unwrap();
    (text.to_owned(), trace)
}

#[test]
fn the_trace_comes_from_the_metadata_or_else_from_the_headers() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let in_headers =
        format!("traceparent: {IN_HEADERS}\r\ntracestate: a=1\r\nbaggage: k=outer\r\n");
    let in_meta = json!({ "traceparent": IN_META, "baggage": "k=inner" });
    let invalid = json!({ "traceparent": "00-0-0-0", "tracestate": "b=2" });
    let from_headers = format!("traceparent: {IN_HEADERS}\ntracestate: a=1\nbaggage: k=outer");
    for (meta, headers, outgoing, trace) in [
        (json!({}), "", String::new(), None),
        (
            json!({}),
            in_headers.as_str(),
            from_headers.clone(),
            Some('3'),
        ),
        (invalid, &in_headers, from_headers, Some('3')),
        (
            in_meta.clone(),
            &in_headers,
            format!("traceparent: {IN_META}\nbaggage: k=inner"),
            Some('1'),
        ),
        (
            in_meta,
            "",
            format!("traceparent: {IN_META}\nbaggage: k=inner"),
            Some('1'),
        ),
    ] {
        let captured = Captured::of(REQUEST);
        let call = call(meta.clone(), headers, &captured);
        let (text, id) = with_default(captured.subscriber(), || runtime.block_on(call));
        assert_eq!(text, outgoing, "{meta} {headers}");
        let expected = trace.map(|digit| digit.to_string().repeat(32));
        assert_eq!(id, expected, "{meta} {headers}");
    }
}
