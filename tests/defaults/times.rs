//! Times, on the paused clock of this process.

use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower_service::Service as _;

use super::local::{
    Socket, Streams, call, http_request, listen, post, reply, server, service, session,
};
use super::page::row;
use super::process::{LEGACY, MODERN, post_headers};

const SECOND: Duration = Duration::from_secs(1);
const ERAS: [&str; 2] = [MODERN, LEGACY];

/// Returns the text of a tool's result, if it is an error.
fn tool_error(reply: &Value) -> Option<&str> {
    let result = &reply["result"];
    result["content"][0]["text"]
        .as_str()
        .filter(|_| result["isError"] == true)
}

/// Fails unless a time is the default, to the second.
#[track_caller]
fn lasts(time: Duration, default: Duration) {
    assert!((default..default + SECOND).contains(&time), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn header_time() {
    let row = row("header-time");
    row.says("the connection is closed");
    let mut socket = Socket::open(listen(server()).await).await;
    socket.write("GET /health HTTP/1.1\r\nHost: ").await;
    lasts(socket.closed_after().await, row.time());
}

#[tokio::test(start_paused = true)]
async fn idle_time() {
    let row = row("idle-time");
    row.says("the connection is closed");
    let mut socket = Socket::open(listen(server()).await).await;
    let health = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for _ in 0..2 {
        socket.write(health).await;
        let answer = socket.read_until("ok").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        tokio::time::sleep(row.time().saturating_sub(SECOND)).await;
    }
    let rest = socket.closed_after().await;
    lasts(rest + row.time().saturating_sub(SECOND), row.time());
}

#[tokio::test(start_paused = true)]
async fn write_time() {
    let row = row("write-time");
    row.says("the connection is closed");
    let address = listen(server()).await;
    let mut socket = Socket::open(address).await;
    // Much more than the buffers of a socket. The client reads only the beginning.
    let bytes = json!({ "bytes": 15 << 20 });
    socket.call(MODERN, "text", &bytes).await;
    socket.read_until("HTTP/1.1 200").await;
    let begin = Instant::now();
    let rest = loop {
        tokio::time::sleep(SECOND / 10).await;
        // A closed connection is noticed by writing.
        let sent = socket.0.try_write(b"\r\n");
        let is_gone = sent.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock);
        if is_gone || begin.elapsed() > 10 * row.time() {
            break begin.elapsed();
        }
    };
    lasts(rest, row.time());
}

#[tokio::test(start_paused = true)]
async fn body_time() {
    let row = row("body-time");
    row.says("408");
    let service = service(server()).await;
    for revision in ERAS {
        let headers = post_headers(revision, "", None);
        let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let never = axum::body::Body::from_stream(never);
        let request = http_request("127.0.0.1", &headers, never);
        let begin = Instant::now();
        let response = service.clone().call(request).await.unwrap();
        assert_eq!(response.status(), 408);
        lasts(begin.elapsed(), row.time());
    }
}

#[tokio::test(start_paused = true)]
async fn call_time() {
    let row = row("call-time").for_all();
    row.says("tool error");
    let seconds = row.time().as_secs();
    let service = service(server()).await;
    for revision in ERAS {
        let mut streams = Streams::start(server(), revision).await;
        for (seconds, fails) in [(seconds - 1, false), (seconds + 1, true)] {
            let message = call(revision, 2, "wait", &json!({ "seconds": seconds }));
            let begin = Instant::now();
            let over_streams = streams.ask(&message).await;
            assert_eq!(tool_error(&over_streams).is_some(), fails);
            lasts(
                begin.elapsed(),
                row.time().min(Duration::from_secs(seconds)),
            );
            let response = post(&service, "127.0.0.1", revision, None, &message).await;
            let over_http = reply(response).await;
            assert_eq!(tool_error(&over_http), tool_error(&over_streams));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn longest_call() {
    let row = row("longest-call").for_all();
    row.says("tool error");
    let seconds = row.time().as_secs();
    for revision in ERAS {
        let mut streams = Streams::start(server(), revision).await;
        for (seconds, fails) in [(seconds - 1, false), (seconds + 1, true)] {
            let message = call(revision, 2, "work", &json!({ "seconds": seconds }));
            let begin = Instant::now();
            let reply = streams.ask(&message).await;
            assert_eq!(tool_error(&reply).is_some(), fails, "{reply}");
            lasts(
                begin.elapsed(),
                row.time().min(Duration::from_secs(seconds)),
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answer_time() {
    let row = row("answer-time").for_all();
    row.says("tool error");
    let mut streams = Streams::start(server(), LEGACY).await;
    let begin = Instant::now();
    let reply = streams.ask(&call(LEGACY, 2, "ask", &json!({}))).await;
    assert!(tool_error(&reply).is_some(), "{reply}");
    lasts(begin.elapsed(), row.time());
}

#[tokio::test(start_paused = true)]
async fn quiet_time() {
    let row = row("quiet-time");
    row.says("HTTP 200, with events");
    let seconds = row.time().as_secs();
    let service = service(server()).await;
    for revision in ERAS {
        for (seconds, kind) in [
            (seconds - 1, "application/json"),
            (seconds + 1, "text/event-stream"),
        ] {
            let message = call(revision, 2, "wait", &json!({ "seconds": seconds }));
            let begin = Instant::now();
            let response = post(&service, "127.0.0.1", revision, None, &message).await;
            assert_eq!(response.headers()["content-type"], kind);
            lasts(
                begin.elapsed(),
                row.time().min(Duration::from_secs(seconds)),
            );
            assert!(reply(response).await["result"].is_object());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keep_alive() {
    let row = row("keep-alive");
    row.says("a comment");
    let address = listen(server()).await;
    for revision in ERAS {
        let mut socket = Socket::open(address).await;
        socket
            .call(revision, "wait", &json!({ "seconds": 50 }))
            .await;
        let head = socket.read_until("\r\n\r\n").await;
        assert!(head.contains("text/event-stream"), "{head}");
        if !head.contains("\n:") {
            socket.read_until("\n:").await;
        }
        for _ in 0..2 {
            let begin = Instant::now();
            let comment = socket.read_until("\n:").await;
            assert!(comment.contains(':'), "{comment}");
            lasts(begin.elapsed(), row.time());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn grace() {
    let row = row("grace").for_all();
    row.says_refusal(Some(-32603), Some(503));
    for revision in ERAS {
        let server = server();
        let handle = server.handle();
        let service = service(server).await;
        let message = call(revision, 2, "wait", &json!({ "seconds": 55 }));
        let calling = tokio::spawn({
            let service = service.clone();
            async move { post(&service, "127.0.0.1", revision, None, &message).await }
        });
        tokio::time::sleep(SECOND).await;
        let begin = Instant::now();
        handle.stop().await;
        lasts(begin.elapsed(), row.time());
        let response = calling.await.unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(reply(response).await["error"]["code"], -32603);
    }
}

#[tokio::test(start_paused = true)]
async fn resume_time() {
    let row = row("resume-time");
    row.says("a new one begins");
    let service = service(server()).await;
    let session = session(&service, "127.0.0.1", LEGACY).await;
    for (rest, is_resumed) in [
        (row.time().saturating_sub(2 * SECOND), true),
        (row.time() + SECOND, false),
    ] {
        let message = call(LEGACY, 2, "wait", &json!({ "seconds": 11 }));
        let response = post(&service, "127.0.0.1", LEGACY, Some(&session), &message).await;
        let mut body = response.into_body();
        let event = loop {
            let frame = body.frame().await.unwrap();
            let data = frame.unwrap().into_data().unwrap();
            let text = String::from_utf8(data.to_vec()).unwrap();
            let id = text.lines().find_map(|line| line.strip_prefix("id: "));
            if let Some(id) = id {
                break id.to_owned();
            }
        };
        drop(body);
        tokio::time::sleep(rest).await;
        let headers = format!(
            "Accept: text/event-stream\r\nMcp-Session-Id: {session}\r\nLast-Event-ID: {event}\r\n"
        );
        let mut request = http_request("127.0.0.1", &headers, String::new());
        *request.method_mut() = http::Method::GET;
        let response = service.clone().call(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        let first = tokio::time::timeout(5 * SECOND, body.frame()).await;
        let reply = first.ok().and_then(|frame| frame?.ok()?.into_data().ok());
        let reply = reply.map(|data| String::from_utf8(data.to_vec()).unwrap());
        let has_reply = reply.is_some_and(|reply| reply.contains("waited"));
        assert_eq!(has_reply, is_resumed, "after {rest:?}");
    }
}
