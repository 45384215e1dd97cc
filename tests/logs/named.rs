//! The lines of the log of a server binary name the request that they belong to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};

use super::transcripts::{command, serve, text};

const LEGACY: &str = "2025-11-25";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn traceparent() -> String {
    format!("00-{TRACE}-b7ad6b7169203331-01")
}

/// The requests whose code of the user logs, and the messages of their events.
fn requests() -> Vec<(&'static str, Value, &'static str)> {
    let tool = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let reference = json!({ "type": "ref/prompt", "name": "greet" });
    let completion = json!({ "ref": reference, "argument": { "name": "name", "value": "A" } });
    vec![
        ("tools/call", tool("traced", json!({})), "the query is done"),
        ("tools/call", tool("slow", json!({})), "after the wait"),
        (
            "tools/call",
            tool("echo_blocking", json!({ "text": "x" })),
            "on a thread",
        ),
        ("completion/complete", completion, "completing"),
        ("resources/list", json!({}), "listing"),
    ]
}

fn message(revision: &str, id: &Value, method: &str, mut params: Value, meta: Value) -> Value {
    params["_meta"] = meta;
    if revision == MODERN {
        let meta = &mut params["_meta"];
        meta["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn initialize() -> Value {
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client });
    json!({ "jsonrpc": "2.0", "id": "first", "method": "initialize", "params": params })
}

#[test]
fn an_event_of_a_handler_names_its_request() {
    for revision in [MODERN, LEGACY] {
        for (method, params, event) in requests() {
            for (id, trace) in [(json!(7), true), (json!("a b"), false)] {
                let meta = if trace {
                    json!({ "traceparent": traceparent() })
                } else {
                    json!({})
                };
                let request = message(revision, &id, method, params.clone(), meta);
                let messages = match revision {
                    MODERN => vec![request],
                    _ => vec![initialize(), request],
                };
                let ids = if trace {
                    json!({ "id": id, "trace_id": TRACE })
                } else {
                    json!({ "id": id })
                };
                // The span of a request exists at the level `info` only.
                for level in ["info", "observed_server=info,warn"] {
                    let what = format!("{revision} {method} {event} {level}");
                    let json = ["--log", level, "--log-format", "json"];
                    let output = serve(command(&json), &messages);
                    let lines = text(&output.stderr).lines();
                    let lines: Vec<Value> = lines
                        .map(|line| serde_json::from_str(line).unwrap())
                        .collect();
                    let line = lines.iter().find(|line| line["fields"]["message"] == event);
                    let line = line.unwrap_or_else(|| panic!("{what}: {lines:#?}"));
                    assert_eq!(line["request"], ids, "{what}");

                    let output = serve(command(&json[..2]), &messages);
                    let mut lines = text(&output.stderr).lines();
                    let line = lines.find(|line| line.contains(event)).expect(&what);
                    let shown = if trace {
                        format!(" request{{id=7 trace_id=\"{TRACE}\"}}")
                    } else {
                        " request{id=\"a b\"}".to_owned()
                    };
                    assert!(line.contains(&shown), "{what}: {line}");
                }
            }
        }
    }
}

/// A very long id is not repeated in each line.
#[test]
fn a_long_id_is_left_out() {
    let id = json!("x".repeat(200));
    let params = json!({ "name": "traced", "arguments": {} });
    let request = message(MODERN, &id, "tools/call", params, json!({}));
    let output = serve(command(&["--log", "info"]), &[request]);
    let lines = text(&output.stderr);
    assert!(lines.contains("the query is done"), "{lines}");
    assert!(
        !lines.contains("xxx") && !lines.contains("request{"),
        "{lines}"
    );
}

/// Over HTTP the trace may be in the headers.
#[test]
fn the_trace_of_the_headers_is_named() {
    let mut child = command(&["--http", "127.0.0.1:0", "--log", "observed_server=info"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let (_, address) = line.split_once("http://").expect(&line);
    let address = address.split('/').next().unwrap();
    for id in [1, 2] {
        let params = json!({ "name": "slow", "arguments": {} });
        let body = message(MODERN, &json!(id), "tools/call", params, json!({})).to_string();
        let trace = traceparent();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {MODERN}\r\n\
             Mcp-Method: tools/call\r\nMcp-Name: slow\r\ntraceparent: {trace}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let line = lines.next().unwrap().unwrap();
        let expected = format!("after the wait request{{id={id} trace_id=\"{TRACE}\"}}");
        assert!(line.ends_with(&expected), "{line}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The functions that complete and list send their events to the client, like handlers.
#[test]
fn events_of_functions_on_threads_are_forwarded() {
    for (method, params, event) in requests() {
        let meta = json!({ "io.modelcontextprotocol/logLevel": "info" });
        let request = message(MODERN, &json!(1), method, params, meta);
        let output = serve(command(&[]), &[request]);
        let mut lines = text(&output.stdout).lines();
        let first: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        assert_eq!(
            first["method"], "notifications/message",
            "{method}: {first}"
        );
        assert_eq!(first["params"]["data"]["message"], event, "{method}");
    }
}
