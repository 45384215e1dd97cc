//! The memory for all clients together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use mcp_runtime::HttpService;
use mcp_runtime::prelude::*;
use serde_json::json;
use tower_service::Service as _;

use super::local::{Streams, call, http_request, post, reply, server, service};
use super::page::row;
use super::process::{LEGACY, MODERN, message, post_headers};

const ERAS: [&str; 2] = [MODERN, LEGACY];
const PEER: &str = "192.0.2.1";
const MIB: usize = 1 << 20;

/// Begins a request with this many bytes of a body that never ends. Returns the status if the request is refused.
async fn receive(service: &HttpService, peer: &str, revision: &str, bytes: usize) -> Option<u16> {
    let part = Ok::<_, std::io::Error>(vec![b' '; bytes]);
    let body = stream::iter([part]).chain(stream::pending());
    let body = axum::body::Body::from_stream(body);
    let request = http_request(peer, &post_headers(revision, "", None), body);
    let mut service = service.clone();
    let answer = tokio::spawn(async move { service.call(request).await.unwrap() });
    // The request is received as far as possible when the task has run.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    if !answer.is_finished() {
        return None;
    }
    Some(answer.await.unwrap().status().as_u16())
}

#[tokio::test(start_paused = true)]
async fn requests() {
    let (received, uncounted) = (row("received").for_all(), row("uncounted").for_all());
    received.says_refusal(Some(-32603), Some(503));
    uncounted.says("the message counts");
    for revision in ERAS {
        let service = service(server()).await;
        let counted = MIB + uncounted.number();
        // An owner may have as many bytes as remain: half of them.
        for _ in 0..received.number() / MIB / 2 {
            assert_eq!(receive(&service, PEER, revision, counted).await, None);
        }
        for (bytes, refused) in [
            (uncounted.number(), None),
            (uncounted.number() + 1, Some(503)),
            (counted, Some(503)),
        ] {
            let status = receive(&service, PEER, revision, bytes).await;
            assert_eq!(status, refused, "{bytes}");
        }
        let other = receive(&service, "192.0.2.2", revision, counted).await;
        assert_eq!(other, None, "another caller");
    }
}

#[tokio::test]
async fn replies() {
    let row = row("unsent");
    row.says_refusal(Some(-32603), Some(503));
    for revision in ERAS {
        let service = service(server()).await;
        let text = |bytes: usize| call(revision, 1, "text", &json!({ "bytes": bytes }));
        let mut unread = Vec::new();
        // Slightly more than a counted MiB each.
        for _ in 0..row.number() / MIB / 2 - 1 {
            let response = post(&service, PEER, revision, None, &text(MIB + (16 << 10))).await;
            assert_eq!(response.status(), 200);
            unread.push(response);
        }
        let refused = post(&service, PEER, revision, None, &text(2 * MIB)).await;
        assert_eq!(refused.status(), 503);
        assert_eq!(reply(refused).await["error"]["code"], -32603);
        for (peer, bytes) in [("192.0.2.2", 2 * MIB), (PEER, 10)] {
            let response = post(&service, peer, revision, None, &text(bytes)).await;
            assert_eq!(response.status(), 200);
        }
        drop(unread);
        let response = post(&service, PEER, revision, None, &text(2 * MIB)).await;
        assert_eq!(response.status(), 200);
    }
}

/// The number of calls of `speak` that have ended.
static SPOKEN: AtomicUsize = AtomicUsize::new(0);

/// Returns a text after a second.
#[tool]
async fn speak(bytes: usize) -> String {
    tokio::time::sleep(Duration::from_secs(1)).await;
    SPOKEN.fetch_add(1, Ordering::Relaxed);
    "x".repeat(bytes)
}

#[tokio::test(start_paused = true)]
async fn pauses() {
    let row = row("pause");
    row.says("calls pause");
    let (text, pipe) = (8 << 10, 1 << 10);
    for revision in ERAS {
        SPOKEN.store(0, Ordering::Relaxed);
        let mut streams = Streams::start_with(server(), revision, pipe).await;
        // Calls that run at once, with texts of four times the limit. None of them is read.
        let calls = 4 * row.number() / text;
        for id in 0..calls as u64 {
            let speak = call(revision, id + 2, "speak", &json!({ "bytes": text }));
            streams.send(&speak).await;
        }
        assert_eq!(SPOKEN.load(Ordering::Relaxed), 0);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let bytes = SPOKEN.load(Ordering::Relaxed) * text;
        let expected = row.number() - 2 * text..=row.number() + 2 * text;
        assert!(expected.contains(&bytes), "{bytes} bytes were written");
        for _ in 0..calls {
            assert!(streams.receive().await["result"].is_object());
        }
        assert_eq!(SPOKEN.load(Ordering::Relaxed), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_client_that_does_not_read() {
    let row = row("read-ahead");
    row.says("the server reads no further");
    for revision in ERAS {
        let mut streams = Streams::start_with(server(), revision, 64 << 10).await;
        let mut text = call(revision, 0, "text", &json!({ "bytes": 64 << 10 }));
        text["params"]["_meta"]["com.example/pad"] = "x".repeat(16 << 10).into();
        // The clock advances when the server does nothing more.
        let mut sent = 0;
        while sent < 4000 {
            text["id"] = (100 + sent).into();
            let sending = streams.send(&text);
            if tokio::time::timeout(Duration::from_secs(1), sending)
                .await
                .is_err()
            {
                break;
            }
            sent += 1;
        }
        let bytes = sent * text.to_string().len();
        let expected = row.number()..row.number() + MIB;
        assert!(expected.contains(&bytes), "{bytes} bytes were read");
        for _ in 0..sent {
            assert!(streams.receive().await["result"].is_object());
        }
    }
}

#[tokio::test]
async fn notifications_that_a_client_does_not_read() {
    let row = row("unread-notifications");
    row.says("further ones are left out; replies are always sent");
    for revision in ERAS {
        // The handler does not wait, so that its notifications are sent at once.
        let mut streams = Streams::start_with(server(), revision, 1 << 10).await;
        if revision == LEGACY {
            let level = message(revision, "logging/setLevel", json!({ "level": "debug" }));
            streams.ask(&level).await;
        }
        let bytes = 60_000;
        let mut recite = call(
            revision,
            2,
            "recite",
            &json!({ "logs": 100, "bytes": bytes, "text": 1 }),
        );
        recite["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = "debug".into();
        streams.send(&recite).await;
        let (mut sent, mut size) = (0, 0);
        loop {
            let message = streams.receive().await;
            if message["method"] != "notifications/message" {
                assert!(message["result"].is_object(), "{message}");
                break;
            }
            sent += 1;
            // With its line break.
            size = message.to_string().len() + 1;
        }
        let reached = (sent - 1) * size..=sent * size;
        assert!(
            reached.contains(&row.number()),
            "{sent} messages of {size} bytes"
        );
    }
}
