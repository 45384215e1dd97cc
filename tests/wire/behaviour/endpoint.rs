//! HTTP: headers, statuses, sessions, disconnects and the end.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use mcp_tests::conversation::Conversation;
use serde_json::{Value, json};

use crate::connection::{HttpServer, MODERN, describe, headers, spawn_http, wait};
use crate::http::{Answer, Exchange, open, request};

fn modern(method: &str, mut params: Value) -> Value {
    describe(&mut params);
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn call(tool: &str, arguments: Value) -> Value {
    modern(
        "tools/call",
        json!({ "name": tool, "arguments": arguments }),
    )
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// Headers to replace (or, if they are empty, to leave out) and to add.
type Changes<'a> = &'a [(&'a str, &'a str)];

/// Posts a modern message with some headers replaced (or, if they are empty, left out) and others added.
fn post(server: &HttpServer, message: &Value, changes: Changes<'_>) -> Answer {
    let mut all = headers(MODERN, None, message);
    for (name, _) in changes {
        all.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }
    let added = changes.iter().filter(|(_, value)| !value.is_empty());
    all.extend(added.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    request(
        &server.address,
        "POST",
        "/mcp",
        &borrowed(&all),
        message.to_string().as_bytes(),
    )
}

fn code(answer: &Answer) -> i64 {
    answer
        .messages()
        .first()
        .and_then(|message| message["error"]["code"].as_i64())
        .unwrap_or_default()
}

#[test]
fn headers_of_arguments_must_agree_with_the_body() {
    let server = spawn_http();
    let all = json!({ "region": "Zürich", "size": 42, "dry": false, "unit": "metric", "place": { "level": -1 } });
    let right = [
        ("Mcp-Param-Region", "=?base64?WsO8cmljaA==?="),
        ("Mcp-Param-Size", "42.0"),
        ("Mcp-Param-Dry-Run", "false"),
        ("mcp-param-unit", " metric "),
        ("MCP-PARAM-LEVEL", "-1"),
    ];
    let routed = call("routed", all.clone());
    let answer = post(&server, &routed, &right);
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = &answer.messages()[0]["result"]["content"][0]["text"];
    assert_eq!(text, "Zürich Some(42) Some(false) Some(Metric) Some(-1)");
    for (name, wrong) in [
        ("Mcp-Param-Region", ""),
        ("Mcp-Param-Region", "Zurich"),
        ("Mcp-Param-Region", "Zürich"),
        ("Mcp-Param-Region", "=?base64?WsO8cmljaA?="),
        ("Mcp-Param-Region", "=?base64?WsO8!mljaA==?="),
        ("Mcp-Param-Size", "42.5"),
        ("Mcp-Param-Dry-Run", "False"),
        ("mcp-param-unit", ""),
        ("MCP-PARAM-LEVEL", "1"),
    ] {
        let mut headers = right.to_vec();
        headers.retain(|(other, _)| *other != name);
        headers.push((name, wrong));
        let answer = post(&server, &routed, &headers);
        assert_eq!(
            (answer.status, code(&answer)),
            (400, -32020),
            "{name}: {wrong}"
        );
        assert_eq!(answer.messages()[0]["id"], 1);
    }
    let twice = [&right[..], &[("Mcp-Param-Size", "42")]].concat();
    let answer = post(&server, &routed, &twice);
    assert_eq!((answer.status, code(&answer)), (400, -32020), "{answer:?}");

    // A header for an argument that is not in the body is refused.
    let few = call(
        "routed",
        json!({ "region": "a", "size": null, "place": {} }),
    );
    let region = ("Mcp-Param-Region", "a");
    assert_eq!(post(&server, &few, &[region]).status, 200);
    for more in [("Mcp-Param-Size", "1"), ("Mcp-Param-Level", "1")] {
        let answer = post(&server, &few, &[region, more]);
        assert_eq!((answer.status, code(&answer)), (400, -32020), "{more:?}");
    }
    // Headers that belong to no argument of this tool are ignored.
    let others = [region, ("Mcp-Param-Other", "x")];
    assert_eq!(post(&server, &few, &others).status, 200);
    let echo = call("echo_owned", json!({ "text": "x" }));
    assert_eq!(post(&server, &echo, &[region]).status, 200);
}

/// Requests of the methods with an `Mcp-Name`, with the name and its base64.
fn named() -> [(Value, &'static str, &'static str); 5] {
    let read = |uri: &str| modern("resources/read", json!({ "uri": uri }));
    [
        (
            call("echo_owned", json!({ "text": "x" })),
            "echo_owned",
            "ZWNob19vd25lZA==",
        ),
        (
            modern("prompts/get", json!({ "name": "talk" })),
            "talk",
            "dGFsaw==",
        ),
        (
            read("text://readme"),
            "text://readme",
            "dGV4dDovL3JlYWRtZQ==",
        ),
        // A URI of a template, and a missing component: the headers are checked first.
        (read("echo://hello"), "echo://hello", "ZWNobzovL2hlbGxv"),
        (
            call("no_such_tool", json!({})),
            "no_such_tool",
            "bm9fc3VjaF90b29s",
        ),
    ]
}

/// In the values, `NAME`, `BASE64` and `METHOD` stand for the name, its base64 and the method.
#[test]
fn headers_must_agree_with_the_body() {
    let server = spawn_http();
    let cases: [(Changes<'_>, u16, i64); 32] = [
        (&[], 200, 0),
        (&[("mcp-method", "METHOD"), ("MCP-NAME", "NAME")], 200, 0),
        (&[("Mcp-Name", "  NAME  ")], 200, 0),
        (&[("Mcp-Name", "=?base64?BASE64?=")], 200, 0),
        (&[("Mcp-Name", "=?base64?BASE64")], 400, -32020),
        (&[("Mcp-Name", "=?base64?BASE64=?=")], 400, -32020),
        (&[("Mcp-Name", "=?base64?!!!?=")], 400, -32020),
        (&[("Mcp-Name", "=?base64?b3RoZXI=?=")], 400, -32020),
        (&[("Mcp-Name", "=?BASE64?BASE64?=")], 400, -32020),
        (&[("Mcp-Name", "xNAME")], 400, -32020),
        (&[("Mcp-Name", "NAMEx")], 400, -32020),
        (&[("Mcp-Name", "other")], 400, -32020),
        (&[("Mcp-Name", "METHOD")], 400, -32020),
        (&[("Mcp-Name", "")], 400, -32020),
        // Characters that standard headers cannot contain.
        (&[("Mcp-Name", "NAME\u{e9}")], 400, -32020),
        (&[("Mcp-Name", "\u{65e5}\u{672c}")], 400, -32020),
        (&[("Mcp-Method", "METHOD\u{e9}")], 400, -32020),
        (&[("MCP-Protocol-Version", "2026-07-28\u{a0}")], 400, -32020),
        (&[("Mcp-Method", "")], 400, -32020),
        (&[("Mcp-Method", "METHODx")], 400, -32020),
        (&[("Mcp-Method", "TOOLS/CALL")], 400, -32020),
        (&[("Mcp-Method", "tools/list")], 400, -32020),
        (
            &[("Mcp-Method", "METHOD"), ("Mcp-Method", "METHOD")],
            400,
            -32020,
        ),
        (&[("Mcp-Name", "NAME"), ("Mcp-Name", "NAME")], 400, -32020),
        (&[("MCP-Protocol-Version", "")], 400, -32020),
        (&[("MCP-Protocol-Version", "2025-11-25")], 400, -32020),
        (
            &[
                ("MCP-Protocol-Version", MODERN),
                ("MCP-Protocol-Version", MODERN),
            ],
            400,
            -32020,
        ),
        (&[("Content-Type", "text/plain")], 415, -32600),
        (
            &[("Content-Type", "application/json; charset=utf-8")],
            200,
            0,
        ),
        (&[("Accept", "text/html")], 406, -32600),
        (&[("Accept", "text/event-stream")], 200, 0),
        (
            &[
                ("Accept", ""),
                ("Mcp-Session-Id", "ignored"),
                ("Last-Event-ID", "7"),
            ],
            200,
            0,
        ),
    ];
    for (message, name, base64) in named() {
        let method = message["method"].as_str().unwrap();
        for (changes, status, error) in cases {
            let fill = |value: &str| {
                // `=?BASE64?` is a marker in the wrong case.
                value
                    .replace("?BASE64", &format!("?{base64}"))
                    .replace(&format!("=?{base64}?"), "=?BASE64?")
                    .replace("NAME", name)
                    .replace("METHOD", method)
            };
            let changes: Vec<_> = changes
                .iter()
                .map(|(header, value)| (*header, fill(value)))
                .collect();
            let changes: Vec<_> = changes
                .iter()
                .map(|(header, value)| (*header, value.as_str()))
                .collect();
            let answer = post(&server, &message, &changes);
            let place = format!("{method} {changes:?}: {answer:?}");
            let unknown = if name == "no_such_tool" { -32602 } else { 0 };
            let error = if error == 0 { unknown } else { error };
            assert_eq!((answer.status, code(&answer)), (status, error), "{place}");
            assert_eq!(answer.header("mcp-session-id"), None, "{place}");
            if error == -32020 {
                assert_eq!(answer.messages()[0]["id"], 1, "{place}");
            }
        }
    }
}

/// Methods without a name need no `Mcp-Name`, and all other headers.
#[test]
fn every_method_is_named_by_its_header() {
    let server = spawn_http();
    let completion = json!({ "ref": { "type": "ref/prompt", "name": "greet" }, "argument": { "name": "name", "value": "" } });
    let unnamed = [
        ("server/discover", json!({}), 200),
        ("tools/list", json!({}), 200),
        ("prompts/list", json!({}), 200),
        ("resources/list", json!({}), 200),
        ("resources/templates/list", json!({}), 200),
        ("completion/complete", completion, 200),
        ("ping", json!({}), 404),
        ("no/such", json!({}), 404),
    ];
    for (method, params, status) in unnamed {
        let message = modern(method, params);
        for (changes, mismatch) in [
            (&[][..], false),
            (&[("Mcp-Name", "anything")], false),
            (&[("Mcp-Method", "")], true),
            (&[("Mcp-Method", "tools/call")], true),
            (&[("Mcp-Method", &method.to_uppercase())], true),
            (&[("Mcp-Method", method), ("Mcp-Method", method)], true),
            (&[("MCP-Protocol-Version", "")], true),
            (&[("MCP-Protocol-Version", "2025-06-18")], true),
        ] {
            let answer = post(&server, &message, changes);
            let place = format!("{method} {changes:?}: {answer:?}");
            if mismatch {
                assert_eq!((answer.status, code(&answer)), (400, -32020), "{place}");
            } else {
                assert_eq!(answer.status, status, "{place}");
            }
        }
    }
}

#[test]
fn versions_are_told_apart_from_mismatches() {
    let server = spawn_http();
    let mut unknown = modern("server/discover", json!({}));
    unknown["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "v999.0.0".into();
    let answer = post(&server, &unknown, &[("MCP-Protocol-Version", "v999.0.0")]);
    assert_eq!((answer.status, code(&answer)), (400, -32022));
    assert_eq!(
        answer.messages()[0]["error"]["data"],
        json!({ "supported": [MODERN], "requested": "v999.0.0" })
    );
    // Revisions that start with `initialize` are refused without it, and are not listed.
    for legacy in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut request = modern("tools/list", json!({}));
        request["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = legacy.into();
        let answer = post(&server, &request, &[("MCP-Protocol-Version", legacy)]);
        assert_eq!((answer.status, code(&answer)), (400, -32022), "{legacy}");
        assert_eq!(
            answer.messages()[0]["error"]["data"],
            json!({ "supported": [MODERN], "requested": legacy })
        );
    }
    let answer = post(&server, &unknown, &[]);
    assert_eq!((answer.status, code(&answer)), (400, -32020));
    let bare = json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {} });
    let answer = post(&server, &bare, &[]);
    assert_eq!((answer.status, code(&answer)), (400, -32602));
}

#[test]
fn strangers_are_refused() {
    let server = spawn_http();
    let discover = modern("server/discover", json!({}));
    let local = format!("http://{}", server.address);
    let port = server.address.rsplit(':').next().unwrap();
    let cases = [
        ("Origin", "http://evil.example".to_owned(), 403),
        ("Origin", "null".to_owned(), 403),
        ("Origin", "nonsense".to_owned(), 403),
        ("Origin", "http://127.0.0.1.evil.example".to_owned(), 403),
        ("Origin", local, 200),
        ("Origin", "http://localhost:3000".to_owned(), 200),
        ("Host", "evil.example".to_owned(), 403),
        ("Host", format!("evil.example:{port}"), 403),
        ("Host", format!("localhost:{port}"), 200),
        ("Host", format!("[::1]:{port}"), 200),
        ("Host", "localhost.evil.example".to_owned(), 403),
    ];
    for (name, value, status) in cases {
        let answer = post(&server, &discover, &[(name, &value)]);
        assert_eq!(answer.status, status, "{name}: {value}: {answer:?}");
    }
}

/// For each HTTP method and path: a request of a forbidden origin is refused and has no effect.
#[test]
fn strangers_are_refused_whatever_they_ask() {
    let server = spawn_http();
    let session = initialize(&server, "2025-11-25");
    let mut stream = Exchange::of_session(&server.address, &session);
    let announce = |what: &str| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "announce", "arguments": { "what": what } } })
    };
    let body = announce("tools").to_string();
    let local = format!("http://{}", server.address);
    let strangers: [&[(&str, &str)]; 8] = [
        &[("Origin", "http://evil.example")],
        &[("Origin", "null")],
        &[("Origin", "")],
        &[("Origin", &local), ("Origin", &local)],
        &[("Host", "evil.example")],
        &[("Host", "")],
        &[("Host", "evil.example"), ("Origin", &local)],
        &[("Host", &server.address), ("Origin", "http://evil.example")],
    ];
    let methods = ["POST", "GET", "DELETE", "OPTIONS", "HEAD", "PUT", "PATCH"];
    for stranger in strangers {
        for method in methods {
            for path in ["/mcp", "/health", "/", "/elsewhere"] {
                let mut headers = vec![
                    ("Content-Type", "application/json"),
                    ("Accept", "application/json, text/event-stream"),
                    ("Mcp-Session-Id", session.as_str()),
                    ("MCP-Protocol-Version", "2025-11-25"),
                ];
                if method == "OPTIONS" {
                    headers.push(("Access-Control-Request-Method", "POST"));
                }
                headers.extend(stranger);
                let body = body.as_bytes();
                let answer = open(&server.address, method, path, &headers, body).read_head();
                let place = format!("{method} {path} {stranger:?}: {answer:?}");
                assert_eq!(answer.status, 403, "{place}");
                // A page of an allowed origin can read why its host is refused.
                let is_page = stranger[0].0 == "Host" && stranger.contains(&("Origin", &local));
                let allowed = answer.header("access-control-allow-origin");
                assert_eq!(allowed, is_page.then_some(&*local), "{place}");
            }
        }
    }
    // The session still exists, its stream is still the newest, and nothing was called.
    let answer = legacy(&server, &session, &announce("prompts"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = stream.next();
    assert_eq!(told["method"], "notifications/prompts/list_changed");
}

#[test]
fn what_is_no_message_has_a_status() {
    let server = spawn_http();
    let plain = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
    ];
    let deep = "[".repeat(100);
    let cases: [(&[u8], u16, i64); 8] = [
        (b"", 400, -32700),
        (b"{", 400, -32700),
        (b"\xff", 400, -32700),
        (b"{} {}", 400, -32700),
        (b"[]", 400, -32600),
        (b"{}", 400, -32600),
        (deep.as_bytes(), 400, -32600),
        (br#"{"jsonrpc":"2.0","id":1,"result":{}}"#, 202, 0),
    ];
    for (body, status, error) in cases {
        let answer = request(&server.address, "POST", "/mcp", &plain, body);
        assert_eq!(
            (answer.status, code(&answer)),
            (status, error),
            "{:?}: {answer:?}",
            String::from_utf8_lossy(body)
        );
    }
    let modern = [plain[0], plain[1], ("MCP-Protocol-Version", MODERN)];
    let response = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let answer = request(&server.address, "POST", "/mcp", &modern, response);
    assert_eq!((answer.status, code(&answer)), (400, -32600));
    let long = vec![b' '; (4 << 20) + 1];
    let answer = request(&server.address, "POST", "/mcp", &plain, &long);
    assert_eq!((answer.status, code(&answer)), (413, -32600));
    for (method, path, status) in [
        ("GET", "/mcp", 405),
        ("PUT", "/mcp", 405),
        ("POST", "/", 404),
        ("GET", "/health", 200),
        ("DELETE", "/mcp", 400),
    ] {
        assert_eq!(
            request(&server.address, method, path, &plain, b"").status,
            status,
            "{method} {path}"
        );
    }
}

#[test]
fn notifications_are_accepted_without_a_body() {
    let server = spawn_http();
    let mut notification = modern("notifications/anything", json!({}));
    notification.as_object_mut().unwrap().remove("id");
    let answer = post(&server, &notification, &[]);
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    let answer = post(&server, &notification, &[("Mcp-Method", "tools/call")]);
    assert_eq!((answer.status, code(&answer)), (400, -32020));
}

#[test]
fn progress_makes_the_answer_a_stream() {
    let server = spawn_http();
    let with_token = modern(
        "tools/call",
        json!({ "name": "progress", "arguments": { "steps": 3 }, "_meta": { "progressToken": "p" } }),
    );
    let answer = post(&server, &with_token, &[]);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    let messages = answer.messages();
    let progress: Vec<_> = messages
        .iter()
        .filter_map(|message| message["params"]["progress"].as_f64())
        .collect();
    assert_eq!(progress, [1.0, 2.0, 3.0]);
    assert_eq!(
        messages.last().unwrap()["result"]["content"][0]["text"],
        "done"
    );
    let answer = post(&server, &with_token, &[("Accept", "application/json")]);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.messages().len(), 1);
}

fn dropped(server: &HttpServer) -> i64 {
    let answer = post(server, &call("dropped", json!({})), &[]);
    answer.messages()[0]["result"]["structuredContent"]["result"]
        .as_i64()
        .unwrap()
}

fn initialize(server: &HttpServer, revision: &str) -> String {
    let client = json!({ "name": "wire", "version": "9" });
    let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let headers = headers(revision, None, &message);
    let answer = request(
        &server.address,
        "POST",
        "/mcp",
        &borrowed(&headers),
        message.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
        .header("mcp-session-id")
        .expect("a session")
        .to_owned()
}

fn legacy(server: &HttpServer, session: &str, message: &Value) -> Answer {
    let headers = headers("2025-11-25", Some(session), message);
    request(
        &server.address,
        "POST",
        "/mcp",
        &borrowed(&headers),
        message.to_string().as_bytes(),
    )
}

fn eventually(what: &str, check: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(3);
    while !check() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_disconnect_cancels_a_modern_call() {
    let server = spawn_http();
    let message = call("wait", json!({ "milliseconds": 60_000 }));
    let headers = headers(MODERN, None, &message);
    let stream = open(
        &server.address,
        "POST",
        "/mcp",
        &borrowed(&headers),
        message.to_string().as_bytes(),
    );
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(dropped(&server), 0);
    drop(stream);
    eventually("the handler was not dropped", || dropped(&server) == 1);
}

#[test]
fn a_disconnect_stops_a_thread_and_a_stream() {
    let server = spawn_http();
    let mut stream = call("stream_waits", json!({}));
    stream["params"]["_meta"]["progressToken"] = 1.into();
    let thread = call("wait_blocking", json!({ "milliseconds": 60_000 }));
    for (number, message) in [(1, thread), (2, stream)] {
        let headers = headers(MODERN, None, &message);
        let mut stream = open(
            &server.address,
            "POST",
            "/mcp",
            &borrowed(&headers),
            message.to_string().as_bytes(),
        );
        if number == 2 {
            // The first item was received, so the answer is a stream of events.
            assert_eq!(stream.next()["params"]["message"], "one");
        }
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(dropped(&server), number - 1);
        drop(stream);
        eventually("it goes on", || dropped(&server) == number);
    }
}

#[test]
fn a_disconnect_does_not_cancel_a_legacy_call_but_a_notification_does() {
    let server = spawn_http();
    let session = initialize(&server, "2025-11-25");
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "wait", "arguments": { "milliseconds": 60_000 } } });
    let headers = headers("2025-11-25", Some(&session), &message);
    let stream = open(
        &server.address,
        "POST",
        "/mcp",
        &borrowed(&headers),
        message.to_string().as_bytes(),
    );
    std::thread::sleep(Duration::from_millis(100));
    drop(stream);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(dropped(&server), 0, "the disconnect cancelled it");
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
    let elsewhere = initialize(&server, "2025-11-25");
    assert_eq!(legacy(&server, &elsewhere, &cancel).status, 202);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(dropped(&server), 0, "another session cancelled it");
    assert_eq!(legacy(&server, &session, &cancel).status, 202);
    eventually("the handler was not dropped", || dropped(&server) == 1);
}

#[test]
fn calls_of_one_session_may_share_an_id() {
    // claude.ai sends `id: 1` with each request.
    let server = spawn_http();
    let session = initialize(&server, "2025-11-25");
    let call = |text: &str| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": text, "arguments": { "milliseconds": 300 } } })
    };
    let answers = std::thread::scope(|scope| {
        let calls = ["wait", "sleep_blocking", "wait"].map(|tool| {
            let (server, session, message) = (&server, &session, call(tool));
            scope.spawn(move || legacy(server, session, &message))
        });
        calls.map(|call| call.join().unwrap().messages()[0]["result"]["content"][0]["text"].clone())
    });
    assert_eq!(answers, ["waited 300 ms", "slept 300 ms", "waited 300 ms"]);
}

#[test]
fn a_session_lives_until_it_is_deleted() {
    let server = spawn_http();
    let session = initialize(&server, "2025-06-18");
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert!(session.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) && session.len() <= 1024);
    assert_eq!(
        legacy(&server, &session, &ping).messages()[0]["result"],
        json!({})
    );
    let mut tampered = session.clone().into_bytes();
    tampered[10] = if tampered[10] == b'A' { b'B' } else { b'A' };
    assert_eq!(
        legacy(&server, &String::from_utf8(tampered).unwrap(), &ping).status,
        404
    );
    assert_eq!(legacy(&server, "invented", &ping).status, 404);
    let delete = |session: &str| {
        request(
            &server.address,
            "DELETE",
            "/mcp",
            &[("Mcp-Session-Id", session)],
            b"",
        )
        .status
    };
    assert!([200, 204].contains(&delete(&session)));
    assert_eq!(legacy(&server, &session, &ping).status, 404);
    assert_eq!(delete(&session), 404);
    let other = initialize(&server, "2025-06-18");
    let wrong = [
        ("Mcp-Session-Id", other.as_str()),
        ("MCP-Protocol-Version", "1999-01-01"),
        ("Content-Type", "application/json"),
    ];
    let answer = request(
        &server.address,
        "POST",
        "/mcp",
        &wrong,
        ping.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 400, "an unknown version");
    let oldest = [
        ("Mcp-Session-Id", other.as_str()),
        ("Content-Type", "application/json"),
    ];
    assert_eq!(
        request(
            &server.address,
            "POST",
            "/mcp",
            &oldest,
            ping.to_string().as_bytes()
        )
        .status,
        200
    );
}

#[test]
fn sessions_are_told_apart_and_nobody_guesses_them() {
    let server = spawn_http();
    let sessions: Vec<_> = (0..50).map(|_| initialize(&server, "2025-11-25")).collect();
    let mut different = sessions.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), sessions.len());
    // The level of one session does not affect another.
    let set = json!({ "jsonrpc": "2.0", "id": 1, "method": "logging/setLevel", "params": { "level": "debug" } });
    assert_eq!(legacy(&server, &sessions[0], &set).status, 200);
    let logs =
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "logs" } });
    for (session, expected) in [(0, 3), (1, 2)] {
        let messages = legacy(&server, &sessions[session], &logs).messages();
        assert_eq!(messages.len() - 1, expected, "{session}: {messages:?}");
    }
}

#[test]
fn by_itself_it_listens_on_this_machine_alone() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_wire-server"))
        .arg("--http")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The port may be taken; the error names the address too.
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stderr.take().unwrap()),
        &mut line,
    )
    .unwrap();
    let _ = child.kill();
    let _ = child.wait();
    assert!(line.contains("127.0.0.1:8000"), "{line}");
}

#[test]
fn one_connection_serves_many_requests() {
    let server = spawn_http();
    let message = call("echo_owned", json!({ "text": "again" })).to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nMCP-Protocol-Version: {MODERN}\r\n\
         Mcp-Method: tools/call\r\nMcp-Name: echo_owned\r\nContent-Length: {}\r\n\r\n{message}",
        server.address,
        message.len()
    );
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    for _ in 0..50 {
        stream.write_all(head.as_bytes()).unwrap();
        let mut received = String::new();
        while !received.ends_with("}}}}") {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "closed after {received}");
            received.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
        assert!(received.starts_with("HTTP/1.1 200"), "{received}");
        let conversation = Conversation::new(MODERN);
        conversation.sent(message.as_bytes());
        let (_, body) = received.split_once("\r\n\r\n").unwrap();
        conversation.received(&serde_json::from_str(body).unwrap());
    }
}

#[test]
fn told_to_end_the_server_finishes_its_calls() {
    let mut server = spawn_http();
    let message = call("wait", json!({ "milliseconds": 600 }));
    let headers = headers(MODERN, None, &message);
    let mut stream = open(
        &server.address,
        "POST",
        "/mcp",
        &borrowed(&headers),
        message.to_string().as_bytes(),
    );
    std::thread::sleep(Duration::from_millis(150));
    let begin = Instant::now();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &server.child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let answer = stream.read();
    assert_eq!(
        answer.messages()[0]["result"]["content"][0]["text"],
        "waited 600 ms"
    );
    let status = wait(&mut server.child, Duration::from_secs(3)).expect("the server ends");
    assert!(
        status.success() && begin.elapsed() < Duration::from_secs(2),
        "{status} after {:?}",
        begin.elapsed()
    );
}
