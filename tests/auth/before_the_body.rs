//! The decision about a request is made before its body is read.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{ADA, server};
use crate::http::{exchange, request, start};

/// Sends a head without its body and returns the first line of the response.
async fn first_line(head: &str) -> String {
    let address = start(server()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = [0; 24];
    let reading = stream.read_exact(&mut bytes);
    // Far less than the time that a client has to send its body.
    let read = tokio::time::timeout(Duration::from_secs(5), reading).await;
    read.expect("a response before the body").unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_body_that_never_ends_is_refused_at_once() {
    for length in ["Content-Length: 4000000", "Transfer-Encoding: chunked"] {
        for credentials in [
            "",
            "Authorization: Bearer wrong\r\n",
            "X-API-Key: wrong\r\n",
        ] {
            let line = first_line(&format!(
                "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{credentials}{length}\r\n\r\n"
            ))
            .await;
            assert!(line.starts_with("HTTP/1.1 401 "), "{line}");
        }
    }
}

/// The media type, the session and the message are not looked at.
#[tokio::test]
async fn nothing_else_is_checked_before_the_credentials() {
    let address = start(server()).await;
    for (line, headers, body) in [
        ("POST /mcp", vec![], "not JSON"),
        ("POST /mcp", vec![("Content-Type", "text/plain")], "x"),
        ("POST /mcp", vec![("Mcp-Session-Id", "unknown")], "{}"),
        ("GET /mcp", vec![], ""),
        ("GET /mcp", vec![("Mcp-Session-Id", "unknown")], ""),
        ("DELETE /mcp", vec![], ""),
        ("DELETE /mcp", vec![("Mcp-Session-Id", "unknown")], ""),
    ] {
        let reply = exchange(address, &request(line, &headers, body)).await;
        assert_eq!(reply.status, 401, "{line} {headers:?}");
        assert!(reply.header("www-authenticate").is_some());
        let key = format!("Bearer {ADA}");
        let with_key = [&headers[..], &[("Authorization", key.as_str())]].concat();
        let reply = exchange(address, &request(line, &with_key, body)).await;
        assert!(![200, 401, 403].contains(&reply.status), "{line} {reply:?}");
        assert_eq!(reply.header("www-authenticate"), None);
    }
}

#[tokio::test]
async fn the_checks_of_host_and_origin_come_first_and_some_paths_are_open() {
    let address = start(server()).await;
    for (line, headers, status) in [
        ("POST /mcp", vec![("Host", "evil.test")], 403),
        ("POST /mcp", vec![("Origin", "https://evil.test")], 403),
        ("GET /health", vec![], 200),
        ("GET /ready", vec![], 200),
        (
            "OPTIONS /mcp",
            vec![
                ("Origin", "http://localhost:1"),
                ("Access-Control-Request-Method", "POST"),
            ],
            204,
        ),
        ("PUT /mcp", vec![], 405),
        ("GET /other", vec![], 404),
    ] {
        let reply = exchange(address, &request(line, &headers, "")).await;
        assert_eq!(reply.status, status, "{line} {headers:?}");
        assert_eq!(reply.header("www-authenticate"), None, "{line}");
    }
}

/// A page of an allowed origin can read the challenge.
#[tokio::test]
async fn a_refusal_has_the_headers_of_cors() {
    let address = start(server()).await;
    let headers = [("Origin", "http://localhost:1")];
    let reply = exchange(address, &request("POST /mcp", &headers, "")).await;
    assert_eq!(reply.status, 401);
    let allowed = reply.header("access-control-allow-origin");
    assert_eq!(allowed, Some("http://localhost:1"));
    let exposed = reply.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("WWW-Authenticate"));
}

/// Also those that have no body: the stream of a session, and its end.
#[tokio::test]
async fn every_method_of_http_needs_credentials() {
    let address = start(server()).await;
    for method in ["POST", "GET", "DELETE"] {
        for session in ["", "unknown"] {
            let headers = [
                ("Accept", "text/event-stream"),
                ("MCP-Protocol-Version", "2025-11-25"),
                ("Mcp-Session-Id", session),
            ];
            let bytes = request(&format!("{method} /mcp"), &headers, "");
            let reply = exchange(address, &bytes).await;
            assert_eq!(reply.status, 401, "{method} {reply:?}");
            assert_eq!(reply.challenge().get("error"), None, "{method}");
        }
    }
}
