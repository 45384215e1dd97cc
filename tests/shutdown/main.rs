//! The shutdown of a server: its order, its limits in time, and the signals that start it, over every transport.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

#[cfg(unix)]
mod afterwards;
mod http;
mod lifespans;
mod messages;
#[cfg(unix)]
mod signals;
mod stopping;
#[cfg(unix)]
mod unix_socket;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::Limits;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use stopping::Probe;

const LEGACY: &str = "2025-11-25";

/// The time that a shutdown may take beyond its limits: cancelled calls have a quarter of a second to end.
const TOLERANCE: Duration = Duration::from_secs(1);

/// Returns limits with this grace period.
fn grace(milliseconds: u64) -> Limits {
    let mut limits = Limits::default();
    limits.shutdown_grace = Duration::from_millis(milliseconds);
    limits
}

/// Waits until a counter has this value.
async fn reaches(counter: &AtomicUsize, value: usize) {
    let waiting = async {
        while counter.load(Ordering::SeqCst) != value {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert!(reached.is_ok(), "{counter:?} is not {value}");
}

/// Returns the numbers of stops, and of calls that ran at a stop.
fn stops(probe: &Arc<Probe>) -> (usize, usize) {
    let read = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    (read(&probe.stops), read(&probe.running_at_stop))
}

fn message(revision: &str, id: u64, method: &str, mut params: Value) -> Value {
    if revision == MODERN {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn call(revision: &str, id: u64, tool: &str, milliseconds: u64) -> Value {
    let params = json!({ "name": tool, "arguments": { "milliseconds": milliseconds } });
    message(revision, id, "tools/call", params)
}

fn listen(id: u64) -> Value {
    let params = json!({ "notifications": { "toolsListChanged": true } });
    message(MODERN, id, "subscriptions/listen", params)
}

fn initialize(id: u64) -> Value {
    let params = json!({
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    message(LEGACY, id, "initialize", params)
}

/// Returns the text of a call's result, or the code of its error.
fn outcome(reply: &Value) -> String {
    match reply["error"]["code"].as_i64() {
        Some(code) => code.to_string(),
        None => reply["result"]["content"][0]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    }
}
