//! How tasks end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mcp_runtime::{CallOutcome, LayeredCall, Next, Tasks, prelude::*};
use serde_json::json;

use super::caller::{Caller, code};
use mcp_tests::stores::{Faulty, Weak};

/// An error of the tool.
#[tool(task)]
async fn tool_error() -> Result<String, ToolError> {
    Err(ToolError::new("no disk"))
}

/// An error of the protocol.
#[tool(task)]
async fn protocol_error() -> Result<String, ToolError> {
    Err(ToolError::protocol("the warehouse is down"))
}

/// A panic.
#[tool(task)]
async fn panics() {
    panic!("secret");
}

async fn rescue(call: LayeredCall, next: Next) -> CallOutcome {
    let outcome = next.run().await;
    if outcome.is_error() {
        return call.tool_result("rescued");
    }
    outcome
}

/// A panic, whose result a layer replaces.
#[tool(task, layer = rescue)]
async fn rescued() {
    panic!("secret");
}

/// A panic on a thread.
#[tool(task)]
fn panics_on_a_thread() {
    panic!("secret");
}

/// Exceeds its time limit.
#[tool(task, timeout = Duration::from_millis(50))]
async fn too_slow() {
    std::future::pending::<()>().await;
}

/// A flag of one test.
struct Flag(&'static AtomicBool);

/// Sets a flag when it is dropped.
struct OnDrop(State<Flag>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

/// Waits for ever, after it has reported progress.
#[tool(task)]
async fn waits(dropped: State<Flag>, context: Context) {
    let _on_drop = OnDrop(dropped);
    context.progress(1.0, Some(2.0), None);
    context.progress(2.0, Some(2.0), Some("almost done"));
    std::future::pending::<()>().await;
}

/// A result of 8 KiB, after some time.
#[tool(task)]
async fn long_result() -> String {
    tokio::time::sleep(Duration::from_millis(100)).await;
    "x".repeat(8 << 10)
}

fn server() -> Server {
    Server::new("app", "1.0.0")
        .with(components![
            tool_error,
            protocol_error,
            panics,
            panics_on_a_thread,
            rescued,
            long_result,
            too_slow,
            waits
        ])
        .timeout(Duration::from_millis(20))
}

fn with_flag() -> Server {
    server().state(Flag(Box::leak(Box::default())))
}

#[tokio::test]
async fn each_way_to_fail_has_its_state() {
    let caller = Caller::of(with_flag()).await;
    for (tool, status, text) in [
        ("tool_error", "completed", "no disk"),
        ("too_slow", "completed", "50"),
        ("protocol_error", "failed", "the warehouse is down"),
        ("panics", "failed", "reference"),
        ("panics_on_a_thread", "failed", "reference"),
    ] {
        let id = caller.task(tool, json!({})).await;
        let done = caller.end(&id).await;
        assert_eq!(done["status"], status, "{tool}: {done}");
        let shown = if status == "failed" {
            assert_eq!(done["error"]["code"], -32603);
            assert_eq!(done["statusMessage"], done["error"]["message"]);
            &done["error"]["message"]
        } else {
            assert_eq!(done["result"]["isError"], true);
            &done["result"]["content"][0]["text"]
        };
        let shown = shown.as_str().unwrap();
        assert!(
            shown.contains(text) && !shown.contains("secret"),
            "{tool}: {shown}"
        );
    }
}

#[tokio::test]
async fn what_a_layer_returns_after_a_panic_is_the_result() {
    let caller = Caller::of(with_flag()).await;
    let id = caller.task("rescued", json!({})).await;
    let done = caller.end(&id).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["result"]["content"][0]["text"], "rescued");
}

#[tokio::test]
async fn a_result_outlives_a_failure_of_the_store_unless_it_is_too_long_for_it() {
    let away = Faulty::from(Weak::new(usize::MAX));
    let caller = Caller::of(with_flag().tasks(Tasks::new().store(away.clone()))).await;
    let id = caller.task("long_result", json!({})).await;
    away.fault.is_away.store(true, Ordering::Release);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    away.fault.is_away.store(false, Ordering::Release);
    assert_eq!(caller.end(&id).await["status"], "completed");

    let small = Faulty::from(Weak::new(4 << 10));
    let caller = Caller::of(with_flag().tasks(Tasks::new().store(small))).await;
    let id = caller.task("long_result", json!({})).await;
    let done = caller.end(&id).await;
    assert_eq!(done["status"], "failed");
    let message = done["statusMessage"].as_str().unwrap();
    assert!(message.contains("stored"), "{message}");
}

#[tokio::test]
async fn progress_is_the_message_of_the_state() {
    let caller = Caller::of(with_flag()).await;
    let id = caller.task("waits", json!({})).await;
    for _ in 0..1000 {
        let state = caller.get(&id).await.unwrap();
        if state["statusMessage"] == "almost done" {
            assert!(state["lastUpdatedAt"].as_str() >= state["createdAt"].as_str());
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the message does not arrive");
}

#[tokio::test]
async fn a_cancelled_task_stops_and_stays_cancelled() {
    let dropped: &'static AtomicBool = Box::leak(Box::default());
    let caller = Caller::of(server().state(Flag(dropped))).await;
    let id = caller.task("waits", json!({})).await;
    // The time limit of the server is for calls that a client waits for.
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(caller.get(&id).await.unwrap()["status"], "working");
    assert!(!dropped.load(Ordering::Acquire));
    for _ in 0..2 {
        let acknowledged = caller.cancel(&id).await.unwrap();
        assert_eq!(acknowledged["resultType"], "complete");
        assert_eq!(caller.get(&id).await.unwrap()["status"], "cancelled");
    }
    for _ in 0..200 {
        if dropped.load(Ordering::Acquire) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the function still runs");
}

#[tokio::test]
async fn an_expired_task_is_stopped_and_unknown() {
    let caller = Caller::of(with_flag().tasks(Tasks::new().ttl(Duration::from_secs(1)))).await;
    let waiting = caller.task("waits", json!({})).await;
    let done = caller.task("tool_error", json!({})).await;
    let state = caller.end(&done).await;
    assert_eq!(state["ttlMs"], 1000);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for id in [waiting, done] {
        assert_eq!(code(caller.get(&id).await), -32602);
        assert_eq!(code(caller.cancel(&id).await), -32602);
        assert_eq!(code(caller.update(&id, json!({})).await), -32602);
    }
}
