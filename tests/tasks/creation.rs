//! Which calls become tasks, and what they are answered with.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::{ClientError, Store, Tasks, prelude::*};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::caller::{Caller, accept, code};
use mcp_tests::stores::{Faulty, Slow};

#[derive(Deserialize, JsonSchema, Elicit)]
struct Name {
    name: String,
}

/// Sleep at once in a task.
#[tool(task)]
async fn optional(milliseconds: u64) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    "slept".to_owned()
}

/// Sleep on a thread.
#[tool(task)]
fn blocking(milliseconds: u64) -> String {
    std::thread::sleep(Duration::from_millis(milliseconds));
    "slept".to_owned()
}

/// Only a task.
#[tool(task = "required")]
async fn required(runs: State<AtomicUsize>) -> &'static str {
    runs.fetch_add(1, Ordering::Relaxed);
    "done"
}

/// A task when it takes long.
#[tool(task(after = "50ms"))]
async fn after(milliseconds: u64) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    "slept".to_owned()
}

/// Never a task.
#[tool]
async fn never() -> &'static str {
    "done"
}

/// A task after a question.
#[tool(task = "required")]
async fn asks_first(#[ask("Who?")] who: Name, runs: State<AtomicUsize>) -> String {
    runs.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(20)).await;
    format!("Hello, {}!", who.name)
}

fn server() -> Server {
    Server::new("app", "1.0.0")
        .with(components![
            optional, blocking, required, after, never, asks_first
        ])
        .state(AtomicUsize::new(0))
}

#[tokio::test]
async fn a_server_with_such_a_tool_declares_the_extension() {
    let discovered = Caller::of(server()).await;
    let discovered = discovered
        .request("server/discover", json!({}))
        .await
        .unwrap();
    let capabilities = &discovered["capabilities"];
    assert_eq!(
        capabilities["extensions"]["io.modelcontextprotocol/tasks"],
        json!({})
    );
    assert!(capabilities.get("tasks").is_none());
    let without = Caller::of(Server::new("app", "1.0.0").with(components![never])).await;
    let discovered = without.request("server/discover", json!({})).await.unwrap();
    assert!(discovered["capabilities"].get("extensions").is_none());
    assert_eq!(code(without.get(&"0".repeat(32)).await), -32601);
}

#[tokio::test]
async fn a_call_is_a_task_at_once_or_after_some_time_or_never() {
    let caller = Caller::of(server()).await;
    let long = json!({ "milliseconds": 200 });
    for (tool, arguments, is_task) in [
        ("optional", json!({ "milliseconds": 0 }), true),
        ("optional", long.clone(), true),
        ("blocking", long.clone(), true),
        ("required", json!({}), true),
        ("after", json!({ "milliseconds": 0 }), false),
        ("after", long, true),
        ("never", json!({}), false),
    ] {
        let result = caller.call(tool, arguments).await.unwrap();
        assert_eq!(result["resultType"] == "task", is_task, "{tool}: {result}");
        if is_task {
            assert_eq!(result["status"], "working");
            let done = caller.end(result["taskId"].as_str().unwrap()).await;
            assert_eq!(done["status"], "completed");
            assert!(done["result"]["content"][0]["text"].is_string());
        }
    }
}

#[tokio::test]
async fn a_client_without_tasks_waits_or_is_refused_before_the_function_runs() {
    let caller = Caller::of(server()).await.without_tasks();
    let short = json!({ "milliseconds": 60 });
    for tool in ["optional", "blocking", "after"] {
        let result = caller.call(tool, short.clone()).await.unwrap();
        assert_eq!(result["content"][0]["text"], "slept", "{tool}");
    }
    for (tool, method) in [
        ("required", "tools/call"),
        ("", "tasks/get"),
        ("", "tasks/cancel"),
    ] {
        let params = json!({ "name": tool, "taskId": "gate-test" });
        match caller.request(method, params).await {
            Err(ClientError::Rpc { code, data, .. }) => {
                let required = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
                assert_eq!(
                    (code, data),
                    (-32021, Some(json!({ "requiredCapabilities": required })))
                );
            }
            other => panic!("{method}: {other:?}"),
        }
    }
    let with = Caller {
        capabilities: super::caller::with_tasks(),
        ..caller
    };
    let id = with.task("required", json!({})).await;
    with.end(&id).await;
}

#[tokio::test]
async fn mistakes_in_arguments_are_a_reply_to_the_call() {
    let caller = Caller::of(server()).await;
    for tool in ["optional", "blocking"] {
        let result = caller
            .call(tool, json!({ "milliseconds": "many" }))
            .await
            .unwrap();
        assert_eq!(result["isError"], true, "{tool}: {result}");
    }
}

#[tokio::test]
async fn a_question_of_a_parameter_comes_before_the_task() {
    let caller = Caller::of(server()).await;
    let asked = caller.call("asks_first", json!({})).await.unwrap();
    assert_eq!(asked["resultType"], "input_required");
    let name = asked["inputRequests"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap();
    let params = json!({
        "name": "asks_first", "arguments": {}, "requestState": asked["requestState"],
        "inputResponses": { name: accept(json!({ "name": "Ada" })) },
    });
    let created = caller.request("tools/call", params).await.unwrap();
    assert_eq!(created["resultType"], "task");
    let done = caller.end(created["taskId"].as_str().unwrap()).await;
    assert_eq!(done["result"]["content"][0]["text"], "Hello, Ada!");
}

#[tokio::test]
async fn tasks_leave_the_permits_to_requests_but_hold_their_bytes() {
    let mut limits = mcp_runtime::Limits::default();
    (limits.requests, limits.received_bytes) = (2, 1_000_000);
    let caller = Caller::of(server().limits(limits)).await;
    let long = |milliseconds: u64, length: usize| {
        let rest = "x".repeat(length);
        json!({ "name": "optional", "arguments": { "milliseconds": milliseconds }, "_meta": { "rest": rest } })
    };
    for _ in 0..4 {
        caller.request("tools/call", long(5_000, 0)).await.unwrap();
    }
    caller.call("never", json!({})).await.unwrap();
    caller
        .request("tools/call", long(300, 200_000))
        .await
        .unwrap();
    let refused = caller.request("tools/call", long(0, 200_000)).await;
    assert_eq!(code(refused), -32603, "the first one still runs");
    for _ in 0..400 {
        let call = caller.request("tools/call", long(0, 200_000));
        if call.await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the bytes are not given back");
}

#[tokio::test]
async fn ids_are_random() {
    let caller = Caller::of(server().tasks(Tasks::new().per_principal(1000))).await;
    let (mut ids, mut digits) = (HashSet::new(), [0_u32; 16]);
    for _ in 0..200 {
        let id = caller.task("required", json!({})).await;
        assert_eq!(id.len(), 32);
        for digit in id.chars() {
            digits[digit.to_digit(16).unwrap() as usize] += 1;
        }
        assert!(ids.insert(id));
    }
    // 6,400 digits: 400 of each, with a standard deviation of 19.
    assert!(
        digits.iter().all(|count| (250..550).contains(count)),
        "{digits:?}"
    );
}

#[tokio::test]
async fn a_task_is_in_the_store_before_it_is_announced_and_before_it_runs() {
    let slow = Faulty::from(Slow(Arc::new(Semaphore::new(0))));
    let runs: &'static AtomicUsize = Box::leak(Box::default());
    let tool = mcp_runtime::Tool::new(
        "it",
        json!({ "type": "object" }),
        move |_: Value, _: Context| async move {
            runs.fetch_add(1, Ordering::Relaxed);
            "done"
        },
    );
    let tool = tool.task(mcp_runtime::TaskSupport::optional());
    let server = Server::new("app", "1.0.0")
        .with(tool)
        .tasks(Tasks::new().store(slow.clone()));
    let caller = Caller::of(server).await;
    let mut calling = std::pin::pin!(caller.task("it", json!({})));
    let early = tokio::time::timeout(Duration::from_millis(100), calling.as_mut()).await;
    assert!(early.is_err());
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    slow.fault.0.add_permits(1);
    let id = calling.await;
    assert!(slow.get(&format!("task-{id}")).await.unwrap().is_some());
    caller.end(&id).await;
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}
