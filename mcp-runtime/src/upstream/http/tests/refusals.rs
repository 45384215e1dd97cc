//! Responses with a status that is not a success.

use super::server::{Reply, Server};
use super::*;

const ERROR: &str = r#"{"code":-32601,"message":"no such method"}"#;

fn error(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{ERROR}}}"#)
}

#[tokio::test]
async fn a_json_rpc_error_is_the_response() {
    for (status, id) in [
        (400, "1"),
        (404, "1"),
        (400, "null"),
        (500, "\"server-error\""),
    ] {
        let server = Server::start([Reply::json(status, &error(id))]).await;
        let peer = Peer::new(&server);
        peer.send(request(1, MODERN)).await.unwrap();
        assert_eq!(
            peer.received.take(),
            [(error("1"), Some(1))],
            "{status} {id}"
        );
    }
}

#[tokio::test]
async fn other_refusals_are_errors() {
    let text = [("content-type", "text/plain")];
    let html = [("content-type", "text/html; charset=utf-8")];
    let long = "x".repeat(100_000);
    let moved = [("location", "https://other.example/mcp?key=s3cret")];
    let moved_text = "it redirects to `https://other.example/mcp`, and redirects are not followed: set the URL to that \
                      address";
    for (reply, status, shown) in [
        (Reply::json(401, &error("1")), 401, "no such method"),
        (Reply::json(403, &error("null")), 403, "no such method"),
        (
            Reply::new(500, &text, "out\r\nof \u{1b}[1m memory\n"),
            500,
            "out of [1m memory",
        ),
        (Reply::new(502, &html, "<html>"), 502, ""),
        (Reply::new(404, &[], ""), 404, ""),
        (Reply::new(429, &text, &long), 429, &long[..200]),
        (
            Reply::json(400, r#"{"error":"no"}"#),
            400,
            r#"{"error":"no"}"#,
        ),
        (Reply::new(307, &moved, ""), 307, moved_text),
        (Reply::new(301, &moved, ""), 301, moved_text),
    ] {
        let server = Server::start([reply]).await;
        let peer = Peer::new(&server);
        let error = peer.send(request(1, MODERN)).await.unwrap_err();
        assert_eq!(error, SendError::Status(status, shown.to_owned()));
        assert_eq!(peer.received.take(), []);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_refused_notification_is_an_error() {
    let server = Server::start([Reply::json(400, &error("null"))]).await;
    let peer = Peer::new(&server);
    let error = peer.send(notification(LEGACY)).await.unwrap_err();
    assert_eq!(error, SendError::Status(400, "no such method".to_owned()));
    assert_eq!(peer.received.take(), []);
}

#[tokio::test]
async fn credentials_in_a_refusal_are_hidden() {
    let body = "the token t0ken of `Bearer t0ken` is not k3y";
    let server = Server::start([Reply::new(401, &[], body)]).await;
    let peer = Peer::with_headers(&server, &[("X-Key", "k3y")]);
    let message = Outgoing {
        authorization: Some(Secret::new("Bearer t0ken".to_owned())),
        ..request(1, MODERN)
    };
    let error = peer.send(message).await.unwrap_err();
    let shown = "the token [hidden] of `[hidden]` is not [hidden]";
    assert_eq!(error, SendError::Status(401, shown.to_owned()));
}

#[tokio::test]
async fn status_404_ends_a_session() {
    let begin = [
        ("content-type", "application/json"),
        ("mcp-session-id", "s"),
    ];
    let server = Server::start([
        Reply::new(200, &begin, &result(0)),
        Reply::json(404, &error("1")),
        Reply::new(404, &[], ""),
    ])
    .await;
    let peer = Peer::new(&server);
    peer.begin_session().await;
    let error = peer.send(request(1, LEGACY)).await.unwrap_err();
    assert_eq!(error, SendError::NoSession);
    let error = peer.send(request(2, LEGACY)).await.unwrap_err();
    assert_eq!(error, SendError::Status(404, String::new()));
    peer.transport.close().await;
    let seen = server.seen();
    let sessions: Vec<_> = seen
        .iter()
        .map(|seen| seen.header("mcp-session-id"))
        .collect();
    assert_eq!(sessions, [None, Some("s"), None]);
    assert_eq!(peer.received.take(), []);
}

#[tokio::test]
async fn a_server_that_does_not_run_is_unreachable() {
    let mut server = Server::start([]).await;
    // The port of a listener that has ended.
    let port = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    server.url = format!("http://127.0.0.1:{port}/mcp?key=s3cret");
    let error = Peer::new(&server)
        .send(request(1, MODERN))
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
    let error = error.to_string();
    assert!(
        error.contains(&format!("`http://127.0.0.1:{port}/mcp` cannot be reached")),
        "{error}"
    );
    assert!(
        error.contains("refused") && !error.contains("s3cret"),
        "{error}"
    );
}
