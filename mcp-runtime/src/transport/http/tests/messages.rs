//! Tests of the status of the answer to each kind of message.

use super::*;

/// Sends each request and compares the status and the error code. The code 0 means no error.
async fn check(server: &TestServer, table: &[(&str, Request<'_>, u16, i64)]) {
    for (name, request, status, code) in table {
        let answer = server.send(request).await;
        assert_eq!(
            (answer.status, answer.code()),
            (*status, *code),
            "{name}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn only_known_hosts_and_origins_come_in() {
    let server = start(Limits::default()).await;
    let ok = || post_modern("tools/list");
    check(
        &server,
        &[
            ("localhost", ok(), 200, 0),
            ("port", ok().with("Host", "LOCALHOST:80"), 200, 0),
            ("listed", ok().with("Host", "mcp.example.com:1"), 200, 0),
            ("elsewhere", ok().with("Host", "evil.test"), 403, -32600),
            (
                "not ASCII",
                ok().with_bytes("Host", b"localhost\xff"),
                403,
                -32600,
            ),
            ("no host", ok().with("Host", ""), 403, -32600),
            ("two hosts", ok().and("Host", "localhost"), 403, -32600),
            (
                "absolute form",
                Request {
                    line: "POST http://evil.test/mcp",
                    ..ok()
                },
                403,
                -32600,
            ),
            (
                "absolute form without the header",
                Request {
                    line: "POST http://localhost:8000/mcp",
                    ..ok().with("Host", "")
                },
                200,
                0,
            ),
            (
                "local origin",
                ok().with("Origin", "http://localhost:5173"),
                200,
                0,
            ),
            (
                "listed origin",
                ok().with("Origin", "https://app.example.com"),
                200,
                0,
            ),
            (
                "evil origin",
                ok().with("Origin", "http://evil.test"),
                403,
                -32600,
            ),
            ("null origin", ok().with("Origin", "null"), 403, -32600),
            (
                "binary origin",
                ok().with_bytes("Origin", b"http://localhost\xff"),
                403,
                -32600,
            ),
            (
                "two origins",
                ok().and("Origin", "http://localhost")
                    .and("Origin", "http://localhost"),
                403,
                -32600,
            ),
            (
                "health too",
                request("GET /health").with("Host", "evil.test"),
                403,
                -32600,
            ),
        ],
    )
    .await;
    let answer = server.send(&ok().with("Origin", "http://evil.test")).await;
    assert!(answer.json().get("id").is_none());
    let advice = "Origin `http://evil.test` is not allowed: add it with `.allow_origin(..)` or `--allow-origin`";
    assert_eq!(answer.json()["error"]["message"], advice);
}

#[tokio::test]
async fn paths_and_methods() {
    let server = start(Limits::default()).await;
    check(
        &server,
        &[
            (
                "other path",
                Request {
                    line: "POST /",
                    ..post_modern("tools/list")
                },
                404,
                -32600,
            ),
            ("health is for GET", request("POST /health"), 404, -32600),
            (
                "query",
                Request {
                    line: "POST /mcp?a=b",
                    ..post_modern("tools/list")
                },
                200,
                0,
            ),
            ("GET", request("GET /mcp"), 405, -32600),
            ("PUT", request("PUT /mcp"), 405, -32600),
            (
                "OPTIONS",
                request("OPTIONS /mcp").with("Origin", "http://localhost"),
                405,
                -32600,
            ),
        ],
    )
    .await;
    let answer = server.send(&request("GET /mcp")).await;
    assert_eq!(answer.header("allow"), Some("POST"), "there is no session");
    let answer = server.send(&request("PUT /mcp")).await;
    assert_eq!(answer.header("allow"), Some("POST, GET, DELETE"));
    let health = server.send(&request("GET /health")).await;
    assert_eq!((health.status, health.body.as_str()), (200, "ok"));
    assert_eq!(health.header("content-type"), Some("text/plain"));
}

#[tokio::test]
async fn media_types_and_what_is_no_message() {
    let server = start(Limits::default()).await;
    let ok = || post_modern("tools/list");
    check(
        &server,
        &[
            (
                "charset",
                ok().with("Content-Type", "Application/JSON; charset=utf-8"),
                200,
                0,
            ),
            ("no type", ok().with("Content-Type", ""), 415, -32600),
            ("text", ok().with("Content-Type", "text/plain"), 415, -32600),
            ("no accept", ok().with("Accept", ""), 200, 0),
            ("any", ok().with("Accept", "*/*"), 200, 0),
            ("html", ok().with("Accept", "text/html"), 406, -32600),
            (
                "q=0",
                ok().with("Accept", "application/json;q=0"),
                406,
                -32600,
            ),
            ("not JSON", post("{"), 400, -32700),
            (
                "unreadable, of no session",
                post(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":5}"#)
                    .with("Mcp-Session-Id", "none"),
                404,
                -32600,
            ),
            ("empty", post(""), 400, -32700),
            (
                "two texts",
                post(&(rpc(1, "ping") + &rpc(2, "ping"))),
                400,
                -32700,
            ),
            ("batch", post("[]"), 400, -32600),
            (
                "no method",
                post(r#"{"jsonrpc":"2.0","id":1}"#),
                400,
                -32600,
            ),
            ("too deep", post(&"[".repeat(100)), 400, -32600),
            (
                "response",
                post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
                202,
                0,
            ),
            (
                "modern response",
                post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
                    .with("MCP-Protocol-Version", "2026-07-28"),
                400,
                -32600,
            ),
        ],
    )
    .await;
    let answer = server.send(&post(r#"{"jsonrpc":"2.0","id":"x"}"#)).await;
    assert_eq!(answer.json()["id"], "x");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.header("content-length"),
        Some(&*answer.body.len().to_string())
    );
}

#[tokio::test]
async fn only_events_are_sent_to_who_accepts_only_events() {
    let server = start(Limits::default()).await;
    let answer = server
        .send(&post_modern("tools/list").with("Accept", "text/event-stream"))
        .await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(
        answer.body,
        "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n\n"
    );
}

#[tokio::test]
#[allow(clippy::too_many_lines)] // a table
async fn headers_say_what_the_body_says() {
    let server = start(Limits::default()).await;
    let call = || {
        post(&modern("tools/call", r#""name":"add","#))
            .with("MCP-Protocol-Version", "2026-07-28")
            .with("Mcp-Method", "tools/call")
            .with("Mcp-Name", "add")
    };
    let read = |uri: &'static str| Request {
        body: modern("resources/read", r#""uri":"file:///ü","#),
        ..call()
            .with("Mcp-Method", "resources/read")
            .with("Mcp-Name", uri)
    };
    let unknown = |header: &'static str| Request {
        body: modern_of("2099-01-01", "tools/call", r#""name":"add","#),
        ..call()
            .with("MCP-Protocol-Version", header)
            .with("Mcp-Method", "")
            .with("Mcp-Name", "")
    };
    check(
        &server,
        &[
            ("good", call(), 200, 0),
            (
                "lower case",
                call().with("Mcp-Name", "").with("mcp-name", "add"),
                200,
                0,
            ),
            (
                "white space",
                call().with("Mcp-Name", "  \t add \t"),
                200,
                0,
            ),
            ("base64", call().with("Mcp-Name", "=?base64?YWRk?="), 200, 0),
            (
                "base64 of UTF-8",
                read("=?base64?ZmlsZTovLy/DvA==?="),
                200,
                0,
            ),
            ("raw UTF-8", read("file:///ü"), 400, -32020),
            (
                "bad base64",
                call().with("Mcp-Name", "=?base64?YWR?="),
                400,
                -32020,
            ),
            (
                "marker in upper case",
                call().with("Mcp-Name", "=?BASE64?YWRk?="),
                400,
                -32020,
            ),
            (
                "half a marker",
                call().with("Mcp-Name", "=?base64?YWRk"),
                400,
                -32020,
            ),
            (
                "no version",
                call().with("MCP-Protocol-Version", ""),
                400,
                -32020,
            ),
            (
                "other version",
                call().with("MCP-Protocol-Version", "2025-11-25"),
                400,
                -32020,
            ),
            (
                "two versions",
                call().and("MCP-Protocol-Version", "2026-07-28"),
                400,
                -32020,
            ),
            (
                "binary version",
                call().with_bytes("MCP-Protocol-Version", b"2026-07-28\xff"),
                400,
                -32020,
            ),
            ("no method", call().with("Mcp-Method", ""), 400, -32020),
            (
                "method case",
                call().with("Mcp-Method", "TOOLS/CALL"),
                400,
                -32020,
            ),
            (
                "two methods",
                call().and("mcp-method", "tools/call"),
                400,
                -32020,
            ),
            ("no name", call().with("Mcp-Name", ""), 400, -32020),
            ("name case", call().with("Mcp-Name", "Add"), 400, -32020),
            ("two names", call().and("Mcp-Name", "add"), 400, -32020),
            (
                "name not needed",
                post_modern("tools/list").with("Mcp-Name", "whatever"),
                200,
                0,
            ),
            (
                "session ignored",
                call().with("Mcp-Session-Id", "unknown"),
                200,
                0,
            ),
            ("unknown in both", unknown("2099-01-01"), 400, -32022),
            ("unknown in the body", unknown("2026-07-28"), 400, -32020),
            ("unknown method", post_modern("no/such"), 404, -32601),
            (
                "no _meta",
                Request {
                    body: rpc(1, "tools/list"),
                    ..post_modern("tools/list")
                },
                400,
                -32602,
            ),
            (
                "params that are not an object",
                Request {
                    body: r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[]}"#.into(),
                    ..call()
                },
                200,
                -32602,
            ),
            (
                "params of an unknown era",
                post(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[]}"#),
                200,
                -32602,
            ),
            ("overload", post_modern("busy"), 503, -32603),
        ],
    )
    .await;
    let answer = server.send(&call().with("Mcp-Name", "other")).await;
    assert_eq!(answer.json()["id"], 7);
    let detail = "Header mismatch: mcp-name is `other`, the body says `add`";
    assert_eq!(answer.json()["error"]["message"], detail);
    let answer = server.send(&post_modern("busy")).await;
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn notifications_are_accepted_without_a_body() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    let notification = |body: &str| post(&body.replace(r#""id":7,"#, "").replace(r#""id":1,"#, ""));
    let modern = notification(&modern("notifications/x", ""));
    let legacy = notification(&rpc(1, "notifications/x"));
    check(
        &server,
        &[
            ("modern, bare", modern.clone(), 202, 0),
            (
                "modern, wrong method",
                modern.clone().with("Mcp-Method", "other"),
                400,
                -32020,
            ),
            (
                "modern by its header",
                legacy.clone().with("MCP-Protocol-Version", "2026-07-28"),
                202,
                0,
            ),
            (
                "legacy",
                legacy.clone().with("Mcp-Session-Id", &session),
                202,
                0,
            ),
            ("legacy without session", legacy.clone(), 202, 0),
            (
                "legacy response",
                post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).with("Mcp-Session-Id", &session),
                202,
                0,
            ),
        ],
    )
    .await;
    let answer = server.send(&modern).await;
    assert_eq!(
        (answer.body.as_str(), answer.header("content-type")),
        ("", None)
    );
}

#[tokio::test]
async fn sessions_begin_with_initialize_and_end_with_delete() {
    let server = start(Limits::default()).await;
    let opening = server.send(&post(&rpc(0, "initialize"))).await;
    assert_eq!(opening.status, 200);
    assert_eq!(opening.header("content-type"), Some("application/json"));
    let session = opening.header("mcp-session-id").unwrap();
    assert!(session.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
    let ping = || post(&rpc(3, "ping"));
    let inside = || ping().with("Mcp-Session-Id", session);
    let delete = || request("DELETE /mcp");
    check(
        &server,
        &[
            ("inside", inside(), 200, 0),
            (
                "version",
                inside().with("MCP-Protocol-Version", "2025-06-18"),
                200,
                0,
            ),
            (
                "unknown version",
                inside().with("MCP-Protocol-Version", "1999-01-01"),
                400,
                -32600,
            ),
            (
                "two versions",
                inside()
                    .and("MCP-Protocol-Version", "2025-06-18")
                    .and("MCP-Protocol-Version", "2025-06-18"),
                400,
                -32600,
            ),
            (
                "unknown method",
                Request {
                    body: rpc(3, "no/such"),
                    ..inside()
                },
                200,
                -32601,
            ),
            (
                "initialize, bad version",
                post(&rpc(0, "initialize")).with("MCP-Protocol-Version", "x"),
                400,
                -32600,
            ),
            ("no session", ping(), 200, 0),
            (
                "unknown session",
                ping().with("Mcp-Session-Id", "nonsense"),
                404,
                -32600,
            ),
            (
                "two sessions",
                inside().and("Mcp-Session-Id", session),
                400,
                -32600,
            ),
            ("delete nothing", delete(), 400, -32600),
            (
                "delete unknown",
                delete().with("Mcp-Session-Id", "nonsense"),
                404,
                -32600,
            ),
            ("delete", delete().with("Mcp-Session-Id", session), 204, 0),
            (
                "delete again",
                delete().with("Mcp-Session-Id", session),
                404,
                -32600,
            ),
            ("over", inside(), 404, -32600),
        ],
    )
    .await;
    let answer = server.send(&inside()).await;
    let json = answer.json();
    assert_eq!(json["id"], 3);
    assert!(
        json["error"]["message"]
            .as_str()
            .unwrap()
            .contains("`initialize`"),
        "{json}"
    );
}

#[tokio::test]
async fn handlers_see_the_headers() {
    let server = start(Limits::default()).await;
    let answer = server
        .send(&post_modern("echo/header").with("x-test", "value"))
        .await;
    assert_eq!(answer.json()["result"], "value");
}

#[tokio::test]
async fn handlers_see_the_address_of_their_client() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    for request in [
        post_modern("echo/peer"),
        post(&rpc(1, "echo/peer")).with("Mcp-Session-Id", &session),
    ] {
        let mut stream = server.connect().await;
        let client = stream.local_addr().unwrap();
        stream.write_all(&request.bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert_eq!(answer.json()["result"], format!("Some({client})"));
    }
}

#[tokio::test]
async fn a_session_that_cannot_be_remembered_as_over_goes_on() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    while server.service.endpoint.tokens.end(&begin(), Owner::Local) {}
    let delete = request("DELETE /mcp").with("Mcp-Session-Id", &session);
    let inside = post(&rpc(3, "ping"));
    let inside = inside.with("Mcp-Session-Id", &session);
    check(
        &server,
        &[("delete", delete, 405, -32600), ("inside", inside, 200, 0)],
    )
    .await;
}
