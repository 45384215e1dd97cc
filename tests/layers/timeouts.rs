//! Time limits of calls: the default, those of servers and components, and progress.

use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{Completion, LayeredCall, Listing, Next, ResourceLink, Timeout};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::peer::{ERAS, Peer, Transport};

const SECOND: Duration = Duration::from_secs(1);

/// Wait some seconds.
#[tool]
async fn wait(seconds: u32) -> &'static str {
    tokio::time::sleep(SECOND * seconds).await;
    "done"
}

/// Wait some seconds, without a limit.
#[tool(timeout = Timeout::NONE)]
async fn wait_forever(seconds: u32) -> &'static str {
    tokio::time::sleep(SECOND * seconds).await;
    "done"
}

/// Report progress every 50 seconds.
#[tool]
async fn progress(reports: u32, context: Context) -> &'static str {
    for report in 0..reports {
        context.progress(f64::from(report), None, None);
        tokio::time::sleep(50 * SECOND).await;
    }
    "done"
}

/// Report progress every second, with a fixed limit.
#[tool(timeout = 5)]
async fn fixed(context: Context) -> &'static str {
    for report in 0..100 {
        context.progress(f64::from(report), None, None);
        tokio::time::sleep(SECOND).await;
    }
    "done"
}

/// Report progress once, and then none.
#[tool(timeout = Timeout::new(10 * SECOND).extended_to(600 * SECOND))]
async fn stuck(context: Context) -> &'static str {
    tokio::time::sleep(8 * SECOND).await;
    context.progress(1.0, None, None);
    tokio::time::sleep(1000 * SECOND).await;
    "done"
}

/// Data that never comes.
#[resource("never://data/{id}", list = never)]
async fn never_read(#[arg(complete = never_complete)] id: String) -> String {
    tokio::time::sleep(1000 * SECOND).await;
    id
}

/// A prompt that never comes.
#[prompt]
async fn never_get() -> &'static str {
    tokio::time::sleep(1000 * SECOND).await;
    "done"
}

async fn never_complete(_: Completion) -> Vec<String> {
    std::future::pending().await
}

async fn never(_: Listing) -> Vec<ResourceLink> {
    std::future::pending().await
}

fn server() -> Server {
    Server::new("timeouts", "1").with(components![
        wait,
        wait_forever,
        progress,
        fixed,
        stuck,
        never_read,
        never_get
    ])
}

/// Returns the text or the message of a reply, and the seconds that it took.
async fn timed(peer: &Peer, method: &str, params: Value) -> (String, u64) {
    let begin = Instant::now();
    let reply = peer.ask(method, params).await;
    let took = begin.elapsed().as_secs_f64().round();
    let text = &reply["result"]["content"][0]["text"];
    let text = text.as_str().or(reply["error"]["message"].as_str());
    let text = text.unwrap_or_default().to_owned();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // small and positive
    (text, took as u64)
}

#[tokio::test(start_paused = true)]
async fn every_call_has_a_limit_which_progress_extends() {
    let call = |name: &str, arguments: Value| {
        (
            "tools/call",
            json!({ "name": name, "arguments": arguments }),
        )
    };
    for era in ERAS {
        for has_layers in [false, true] {
            let mut server = server();
            if has_layers {
                server = server.layer(|_: LayeredCall, next: Next| async move { next.run().await });
            }
            let peer = Peer::connect(server, Transport::Memory, era).await;
            for ((method, params), text, seconds) in [
                (call("wait", json!({ "seconds": 59 })), "done", 59),
                (
                    call("wait", json!({ "seconds": 61 })),
                    "`wait` took longer than 60 s and was stopped",
                    60,
                ),
                (
                    call("wait_forever", json!({ "seconds": 9999 })),
                    "done",
                    9999,
                ),
                (call("progress", json!({ "reports": 11 })), "done", 550),
                (
                    call("progress", json!({ "reports": 20 })),
                    "`progress` took longer than 600 s and was stopped",
                    600,
                ),
                (
                    call("fixed", json!({})),
                    "`fixed` took longer than 5 s and was stopped",
                    5,
                ),
                (
                    call("stuck", json!({})),
                    "`stuck` made no progress for 10 s and was stopped",
                    18,
                ),
                (
                    ("resources/read", json!({ "uri": "never://data/1" })),
                    "`never://data/{id}` took longer than 60 s and was stopped",
                    60,
                ),
                (
                    ("prompts/get", json!({ "name": "never_get" })),
                    "`never_get` took longer than 60 s and was stopped",
                    60,
                ),
                (
                    (
                        "completion/complete",
                        json!({
                            "ref": { "type": "ref/resource", "uri": "never://data/{id}" },
                            "argument": { "name": "id", "value": "" },
                        }),
                    ),
                    "`completion of `id`` took longer than 60 s and was stopped",
                    60,
                ),
                (
                    ("resources/list", json!({})),
                    "`resources/list` took longer than 60 s and was stopped",
                    60,
                ),
            ] {
                let what = format!("{era:?} {has_layers} {params}");
                let timed = timed(&peer, method, params).await;
                assert_eq!(timed, (text.to_owned(), seconds), "{what}");
            }
        }
    }
}

/// Report progress once, on a thread that is not polled, and then none.
#[tool(timeout = Timeout::new(SECOND).extended_to(60 * SECOND))]
fn stuck_thread(context: Context) {
    std::thread::sleep(SECOND / 10);
    context.progress(1.0, None, None);
    while !context.cancel().is_cancelled() {
        std::thread::sleep(SECOND / 100);
    }
}

#[tokio::test]
async fn the_limit_of_a_thread_begins_with_its_last_progress() {
    for era in ERAS {
        let server = Server::new("timeouts", "1").with(components![stuck_thread]);
        let peer = Peer::connect(server, Transport::Memory, era).await;
        let begin = Instant::now();
        let params = json!({ "name": "stuck_thread", "arguments": {} });
        let (text, _) = timed(&peer, "tools/call", params).await;
        assert_eq!(
            text,
            "`stuck_thread` made no progress for 1 s and was stopped"
        );
        let took = begin.elapsed();
        assert!(took >= SECOND + SECOND / 10, "{took:?}");
        assert!(took < SECOND * 17 / 10, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_server_applies_where_a_component_has_none() {
    for era in ERAS {
        for (timeout, seconds) in [
            (Timeout::from(5 * SECOND), 5),
            (Timeout::NONE, 9999),
            (Timeout::new(2000 * SECOND), 2000),
        ] {
            let server = server().timeout(timeout);
            let peer = Peer::connect(server, Transport::Memory, era).await;
            let arguments = json!({ "name": "wait", "arguments": { "seconds": 9999 } });
            let (text, took) = timed(&peer, "tools/call", arguments).await;
            assert_eq!(took, seconds, "{text}");
            let arguments = json!({ "name": "fixed", "arguments": {} });
            assert_eq!(timed(&peer, "tools/call", arguments).await.1, 5);
        }
    }
}

#[tokio::test]
async fn a_server_with_a_limit_of_zero_is_not_built() {
    let error = server().timeout(Duration::ZERO).into_service().await;
    let error = error.err().unwrap().to_string();
    assert!(error.contains("a timeout of zero"), "{error}");
}
