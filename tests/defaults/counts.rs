//! Counts of requests, connections, listeners and questions, and rates.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::json;

use super::local::{Socket, Streams, call, post, reply, server, service};
use super::page::row;
use super::process::{LEGACY, MODERN, http_process, message};

const ERAS: [&str; 2] = [MODERN, LEGACY];

/// Returns the address of the caller with this number.
fn peer(number: usize) -> String {
    format!("192.0.2.{}", number + 1)
}

#[tokio::test(start_paused = true)]
async fn requests() {
    let (all, share) = (row("requests").for_all(), row("requests-of-caller"));
    all.says_refusal(Some(-32603), Some(503));
    share.says_refusal(Some(-32603), Some(429));
    assert_eq!(share.number() * 4, all.number());
    for revision in ERAS {
        let service = &service(server()).await;
        let wait = |number: usize| async move {
            let message = call(revision, 1, "wait", &json!({ "seconds": 5 }));
            post(service, &peer(number), revision, None, &message).await
        };
        let mut running = FuturesUnordered::new();
        for number in 0..4 {
            for _ in 0..share.number() {
                running.push(wait(number));
            }
            assert!(running.next().now_or_never().is_none(), "all run");
            if number < 3 {
                let response = wait(number).await;
                assert_eq!(response.status(), 429);
                assert_eq!(reply(response).await["error"]["code"], -32603);
            }
        }
        let response = wait(4).await;
        assert_eq!(response.status(), 503);
        assert_eq!(reply(response).await["error"]["code"], -32603);
        while let Some(response) = running.next().await {
            assert_eq!(response.status(), 200);
        }
    }
    for revision in ERAS {
        let mut streams = Streams::start(server(), revision).await;
        for id in 0..=all.number() as u64 {
            let wait = call(revision, id + 2, "wait", &json!({ "seconds": 5 }));
            streams.send(&wait).await;
        }
        let first = streams.receive().await;
        assert_eq!(first["error"]["code"], -32603, "{first}");
        for _ in 0..all.number() {
            assert!(streams.receive().await["result"].is_object());
        }
    }
}

/// Opens connections until the server closes one. Returns those that are open.
async fn connect(address: SocketAddr, from: Ipv4Addr, at_most: usize) -> Vec<Socket> {
    let mut open = Vec::new();
    while open.len() < at_most {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.into(), 0)).unwrap();
        let mut socket = Socket(socket.connect(address).await.unwrap());
        let health = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
        // The write fails if the connection is closed already.
        let _ = socket.0.try_write(health.as_bytes());
        if !socket.read_until("ok").await.starts_with("HTTP/1.1 200") {
            break;
        }
        open.push(socket);
    }
    open
}

#[tokio::test]
async fn connections() {
    let (all, proxy) = (row("connections"), row("connections-of-proxy"));
    all.says("the connection is closed");
    proxy.says("the connection is closed");
    let (_server, address) = http_process(&["--http", "127.0.0.1:0"]);
    let first = connect(address, Ipv4Addr::LOCALHOST, 2000).await;
    assert_eq!(first.len(), proxy.number());
    let second = connect(address, Ipv4Addr::new(127, 0, 0, 2), 2000).await;
    assert_eq!(first.len() + second.len(), all.number());
}

#[tokio::test(start_paused = true)]
async fn listeners() {
    let (all, share) = (row("listeners").for_all(), row("listeners-of-caller"));
    all.says_refusal(Some(-32603), Some(503));
    share.says_refusal(Some(-32603), Some(429));
    let service = &service(server()).await;
    let listen = |number: usize| async move {
        let params = json!({ "notifications": { "toolsListChanged": true } });
        let message = message(MODERN, "subscriptions/listen", params);
        post(service, &peer(number), MODERN, None, &message).await
    };
    let mut open = Vec::new();
    for number in 0..all.number() / share.number() {
        for _ in 0..share.number() {
            let response = listen(number).await;
            assert_eq!(response.status(), 200);
            open.push(response);
        }
        if number == 0 {
            let response = listen(number).await;
            assert_eq!(response.status(), 429);
            assert_eq!(reply(response).await["error"]["code"], -32603);
        }
    }
    assert_eq!(open.len(), all.number());
    let response = listen(100).await;
    assert_eq!(response.status(), 503);
    assert_eq!(reply(response).await["error"]["code"], -32603);
}

#[tokio::test]
async fn rates() {
    let (rate, burst) = (row("rate"), row("burst"));
    rate.says_refusal(Some(-32603), Some(429));
    burst.says("`Retry-After`");
    row("local-rate").is("no limit").says("nothing");
    for revision in ERAS {
        tokio::time::pause();
        let service = &service(server()).await;
        let add = |peer: String| async move {
            let message = call(revision, 1, "add", &json!({ "a": 2, "b": 3 }));
            post(service, &peer, revision, None, &message).await
        };
        for _ in 0..burst.number() {
            assert_eq!(add(peer(0)).await.status(), 200);
        }
        let refused = add(peer(0)).await;
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(reply(refused).await["error"]["code"], -32603);
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..rate.number() {
            assert_eq!(add(peer(0)).await.status(), 200);
        }
        assert_eq!(add(peer(0)).await.status(), 429);
        assert_eq!(add(peer(1)).await.status(), 200, "another caller");
        for _ in 0..2 * burst.number() {
            assert_eq!(add("127.0.0.1".to_owned()).await.status(), 200);
        }
        tokio::time::resume();
    }
}

#[tokio::test(start_paused = true)]
async fn questions() {
    let row = row("questions-of-session");
    row.says("tool error");
    let mut streams = Streams::start(server(), LEGACY).await;
    for id in 0..row.number() as u64 {
        streams.send(&call(LEGACY, id + 2, "ask", &json!({}))).await;
        assert_eq!(streams.receive().await["method"], "elicitation/create");
    }
    let reply = streams.ask(&call(LEGACY, 5000, "ask", &json!({}))).await;
    assert_eq!(reply["result"]["isError"], true, "{reply}");
}

#[tokio::test]
async fn invalid_answers() {
    let row = row("invalid-answers").for_all();
    row.says("tool error");
    let mut streams = Streams::start(server(), LEGACY).await;
    streams.send(&call(LEGACY, 2, "ask", &json!({}))).await;
    for asked in 1.. {
        let message = streams.receive().await;
        if message["method"] != "elicitation/create" {
            assert_eq!(message["result"]["isError"], true, "{message}");
            assert_eq!(asked - 1, row.number());
            return;
        }
        let content = json!({ "action": "accept", "content": { "number": "many" } });
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": content });
        streams.send(&answer).await;
    }
}

#[tokio::test]
async fn notifications() {
    let (progress, logs) = (row("progress").for_all(), row("logs").for_all());
    progress.says("left out");
    logs.says("one message says so");
    for revision in ERAS {
        let mut streams = Streams::start(server(), revision).await;
        if revision == LEGACY {
            let level = message(revision, "logging/setLevel", json!({ "level": "debug" }));
            streams.ask(&level).await;
        }
        let more = json!({ "reports": 20 * progress.number(), "logs": logs.number() + 5 });
        let mut chatter = call(revision, 2, "chatter", &more);
        chatter["params"]["_meta"]["progressToken"] = 1.into();
        chatter["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = "debug".into();
        let begin = std::time::Instant::now();
        streams.send(&chatter).await;
        let (mut reports, mut last, mut messages) = (0, json!(0), 0);
        loop {
            let message = streams.receive().await;
            match message["method"].as_str() {
                Some("notifications/progress") => {
                    reports += 1;
                    last = message["params"]["progress"].clone();
                }
                Some("notifications/message") => messages += 1,
                _ => break,
            }
        }
        let paced = usize::try_from(begin.elapsed().as_millis() / 10).unwrap() + 2;
        let expected = progress.number()..=progress.number() + paced;
        assert!(expected.contains(&reports), "{reports} reports");
        assert_eq!(
            last.as_f64(),
            Some(f64::from(20 * u32::try_from(progress.number()).unwrap()))
        );
        assert_eq!(messages, logs.number() + 1, "and one that says so");
    }
}
