//! The layers that a server may add. Each is added with its defaults to the server of the README.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{CacheScope, ConcurrencyLimit, ResponseCache, ResponseLimit, Retry};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::local::{Streams, call, server};
use super::page::row;
use super::process::{LEGACY, MODERN};

const ERAS: [&str; 2] = [MODERN, LEGACY];
const HOUR: Duration = Duration::from_secs(3600);

/// The number of runs of `counted`.
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// Counts its runs.
#[tool(read_only)]
async fn counted(number: usize, bytes: usize) -> String {
    RUNS.fetch_add(1, Ordering::Relaxed);
    format!("{number} {}", "x".repeat(bytes))
}

/// The times of the runs of `unlucky`.
static TRIES: std::sync::Mutex<Vec<Instant>> = std::sync::Mutex::new(Vec::new());

/// Fails.
#[tool(read_only, timeout = HOUR)]
async fn unlucky() -> Result<(), ToolError> {
    TRIES.lock().unwrap().push(Instant::now());
    Err(ToolError::new("out of luck"))
}

/// Returns the first text of the result of a call.
async fn text_of(streams: &mut Streams, call: &Value) -> String {
    let reply = streams.ask(call).await;
    let text = reply["result"]["content"][0]["text"].as_str();
    text.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn response_limit() {
    let row = row("response-limit").for_all();
    row.says("the result is cut");
    for revision in ERAS {
        let server = server().layer(ResponseLimit::default());
        let mut streams = Streams::start(server, revision).await;
        for beyond in [0, 1] {
            let bytes = json!({ "bytes": row.number() + beyond });
            let reply = streams.ask(&call(revision, 2, "text", &bytes)).await;
            let content = reply["result"]["content"].as_array().expect("content");
            let text = content[0]["text"].as_str().unwrap();
            assert_eq!(text.len(), row.number());
            assert_eq!(content.len(), 1 + beyond, "and what says that it is cut");
        }
    }
}

#[tokio::test]
async fn spilled_results() {
    let row = row("spilled").for_all().means("256 MiB at most");
    row.says("the result is cut");
    let bytes: usize = 3 << 20;
    for (bytes, limit) in [(100, row.number()), (bytes, (256 << 20) / bytes)] {
        let (layer, resource) = ResponseLimit::new(10).spill(HOUR);
        let server = server().layer(layer).with(resource);
        let mut streams = Streams::start(server, MODERN).await;
        for number in 0..=limit {
            let bytes = json!({ "bytes": bytes });
            let reply = streams.ask(&call(MODERN, 2, "text", &bytes)).await;
            let content = reply["result"]["content"].as_array().expect("content");
            let is_kept = content.iter().any(|it| it["type"] == "resource_link");
            assert_eq!(is_kept, number < limit, "{number}: {reply}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn queue() {
    let row = row("queue").for_all();
    row.says("tool error");
    for revision in ERAS {
        let server = server().layer(ConcurrencyLimit::new(1));
        let mut streams = Streams::start(server, revision).await;
        let allowed = 1 + row.number() as u64;
        for id in 0..=allowed {
            let wait = call(revision, id, "wait", &json!({ "seconds": 1 }));
            streams.send(&wait).await;
        }
        let first = streams.receive().await;
        assert_eq!(first["id"], allowed, "{first}");
        assert_eq!(first["result"]["isError"], true, "{first}");
        for id in 0..allowed {
            let reply = streams.receive().await;
            assert_eq!(reply["id"], id, "{reply}");
            assert!(reply["result"]["isError"].is_null(), "{reply}");
        }
    }
}

/// Calls `counted` with each of these numbers. Returns how often it has run.
async fn runs(streams: &mut Streams, numbers: std::ops::Range<usize>, bytes: usize) -> usize {
    let before = RUNS.load(Ordering::Relaxed);
    for number in numbers {
        let arguments = json!({ "number": number, "bytes": bytes });
        let text = text_of(streams, &call(MODERN, 2, "counted", &arguments)).await;
        assert!(text.starts_with(&format!("{number} ")));
    }
    RUNS.load(Ordering::Relaxed) - before
}

#[tokio::test]
async fn cached_results() {
    let row = row("cached").for_all().means("64 MiB at most");
    row.says("the oldest are dropped");
    let bytes: usize = 1 << 20;
    // The entries have some hundred bytes beside their results.
    let cases = [(1, row.number()), (bytes - 1000, (64 << 20) / bytes)];
    for (bytes, limit) in cases {
        let cache = ResponseCache::new().results(HOUR, CacheScope::Public);
        let mut streams = Streams::start(server().layer(cache), MODERN).await;
        assert_eq!(runs(&mut streams, 0..limit, bytes).await, limit);
        assert_eq!(runs(&mut streams, 0..limit, bytes).await, 0, "all are kept");
        assert_eq!(runs(&mut streams, limit..limit + 1, bytes).await, 1);
        let again = runs(&mut streams, limit..limit + 1, bytes).await;
        assert_eq!(again, 0, "the newest is kept");
        let again = runs(&mut streams, 0..limit, bytes).await;
        assert!(again > 0, "one was dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn retries() {
    let row = row("retry-delay").for_all();
    row.says("up to half of it is added");
    let server = server().layer(Retry::new(8).delay(Duration::from_secs(1)));
    let mut streams = Streams::start(server, MODERN).await;
    let text = text_of(&mut streams, &call(MODERN, 2, "unlucky", &json!({}))).await;
    assert_eq!(text, "out of luck");
    let tries = TRIES.lock().unwrap().clone();
    assert_eq!(tries.len(), 9);
    for (number, pair) in tries.windows(2).enumerate() {
        let doubled = Duration::from_secs(1 << number).min(row.time());
        let delay = pair[1].duration_since(pair[0]);
        let millisecond = Duration::from_millis(1);
        assert!(
            (doubled..=doubled + doubled / 2 + millisecond).contains(&delay),
            "{number}: {delay:?}"
        );
    }
}
