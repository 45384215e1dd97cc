//! Tasks, on the server of the README with two tools that are tasks.

use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::{
    Client, ClientError, MemoryStore, Principal, Revision, Store as _, StoreEntry, Tasks,
};
use mcp_runtime::{TaskSupport, Tool, prelude::*};
use serde_json::{Value, json};

use super::local::{call, post, reply, server, service};
use super::page::row;
use super::process::{LEGACY, MODERN};

/// Returns the server with the tools `pause`, which never ends, and `quick`.
fn with_tasks() -> Server {
    let schema = || json!({ "type": "object" });
    let pause = |_: Value, _: Context| async { std::future::pending::<()>().await };
    let quick = |_: Value, _: Context| async {};
    let restarting = TaskSupport::optional().restart();
    server()
        .with(Tool::new("pause", schema(), pause).task(restarting))
        .with(Tool::new("quick", schema(), quick).task(TaskSupport::optional()))
}

/// Returns the parameters of a call that becomes a task.
fn params(revision: &str, tool: &str) -> Value {
    let mut params = json!({ "name": tool, "arguments": {} });
    if revision == MODERN {
        let extensions = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
        params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": extensions });
    } else {
        params["task"] = json!({});
    }
    params
}

/// A client of the process itself.
async fn client(server: Server, revision: &str) -> Client {
    let revision = Revision::from_name(revision).unwrap();
    let client = server.client().principal(Principal::new("ada"));
    client.revision(revision).await
}

async fn create(client: &Client, revision: &str, tool: &str) -> Result<Value, ClientError> {
    let mut created = client.request("tools/call", params(revision, tool)).await?;
    Ok(if revision == MODERN {
        created
    } else {
        created["task"].take()
    })
}

/// Sends a request about a task.
async fn about(
    client: &Client,
    revision: &str,
    method: &str,
    task: &Value,
) -> Result<Value, ClientError> {
    let mut sent = params(revision, "pause");
    sent["taskId"] = task["taskId"].clone();
    client.request(method, sent).await
}

#[track_caller]
fn code(outcome: &Result<Value, ClientError>) -> i64 {
    match outcome {
        Err(ClientError::Rpc { code, .. }) => *code,
        other => panic!("no error: {other:?}"),
    }
}

#[tokio::test]
async fn times() {
    let (life, poll) = (row("task-life").for_all(), row("task-poll").for_all());
    life.says("-32602");
    for (revision, names) in [
        (MODERN, ["ttlMs", "pollIntervalMs"]),
        (LEGACY, ["ttl", "pollInterval"]),
    ] {
        let client = client(with_tasks(), revision).await;
        let task = create(&client, revision, "pause").await.unwrap();
        for (name, row) in names.into_iter().zip([&life, &poll]) {
            let expected = u64::try_from(row.time().as_millis()).unwrap();
            assert_eq!(task[name], expected, "{revision}");
        }
        let unknown = json!({ "taskId": "0".repeat(32) });
        let unknown = about(&client, revision, "tasks/get", &unknown).await;
        assert_eq!(code(&unknown), -32602);
    }
}

/// Returns a call over HTTP of a client with tasks.
fn modern_call() -> Value {
    let mut message = call(MODERN, 1, "pause", &json!({}));
    let extensions = json!({ "io.modelcontextprotocol/tasks": {} });
    let key = "io.modelcontextprotocol/clientCapabilities";
    message["params"]["_meta"][key]["extensions"] = extensions;
    message
}

#[tokio::test]
async fn unfinished() {
    let (row, all) = (
        row("tasks-of-caller").for_all(),
        row("running-tasks").for_all(),
    );
    row.says_refusal(Some(-32603), Some(429));
    all.says_refusal(Some(-32603), Some(503));
    for revision in [MODERN, LEGACY] {
        let client = client(with_tasks(), revision).await;
        for _ in 0..row.number() {
            create(&client, revision, "pause").await.unwrap();
        }
        let refused = create(&client, revision, "pause").await;
        assert_eq!(code(&refused), -32603);
    }
    let (service, message) = (service(with_tasks()).await, modern_call());
    for number in 0..=all.number() {
        let peer = format!("192.0.2.{}", 1 + number / row.number());
        let response = post(&service, &peer, MODERN, None, &message).await;
        let status = if number == all.number() { 503 } else { 200 };
        assert_eq!(response.status(), status, "{number}");
        if number == row.number() - 1 {
            let refused = post(&service, &peer, MODERN, None, &message).await;
            assert_eq!(refused.status(), 429);
            assert_eq!(reply(refused).await["error"]["code"], -32603);
        }
    }
}

#[tokio::test]
async fn of_one_remote_caller() {
    let row = row("running-tasks-of-caller");
    row.says_refusal(Some(-32603), Some(429));
    // Callers on this machine have no limit of requests in a time.
    let server = with_tasks().tasks(Tasks::new().per_principal(row.number() + 1));
    let (service, message) = (service(server).await, modern_call());
    for number in 0..=row.number() {
        let response = post(&service, "127.0.0.1", MODERN, None, &message).await;
        let status = if number == row.number() { 429 } else { 200 };
        assert_eq!(response.status(), status, "{number}");
    }
}

#[tokio::test]
async fn in_lists() {
    let (kept, page) = (row("listed-tasks"), row("tasks-page"));
    kept.says_refusal(Some(-32603), Some(429));
    page.says("nextCursor");
    let client = client(with_tasks(), LEGACY).await;
    for number in 0..kept.number() {
        let task = create(&client, LEGACY, "quick").await.unwrap();
        about(&client, LEGACY, "tasks/result", &task).await.unwrap();
        if number == page.number() - 1 || number == page.number() {
            let listed = client.request("tasks/list", json!({})).await.unwrap();
            assert_eq!(listed["tasks"].as_array().unwrap().len(), page.number());
            let has_more = number == page.number();
            assert_eq!(listed.get("nextCursor").is_some(), has_more);
        }
    }
    let refused = create(&client, LEGACY, "quick").await;
    assert_eq!(code(&refused), -32603);
}

#[tokio::test]
async fn stored() {
    let row = row("stored-tasks").for_all();
    row.says_refusal(Some(-32603), Some(503));
    // A caller has an eighth of the entries. One of them lists its unfinished tasks.
    let client = client(with_tasks(), MODERN).await;
    for _ in 0..row.number() / 8 - 1 {
        let task = create(&client, MODERN, "quick").await.unwrap();
        while about(&client, MODERN, "tasks/get", &task).await.unwrap()["status"] == "working" {
            tokio::task::yield_now().await;
        }
    }
    let refused = create(&client, MODERN, "quick").await;
    assert_eq!(code(&refused), -32603);
}

#[tokio::test]
async fn waiting_requests() {
    let row = row("result-requests");
    row.says_refusal(Some(-32603), Some(429));
    let client = client(with_tasks(), LEGACY).await;
    let task = create(&client, LEGACY, "pause").await.unwrap();
    let wait = || Box::pin(about(&client, LEGACY, "tasks/result", &task));
    let waiting: Vec<_> = (0..=row.number()).map(|_| wait()).collect();
    let (first, position, others) = futures_util::future::select_all(waiting).await;
    assert_eq!((code(&first), position), (-32603, 0));
    assert_eq!(others.len(), row.number());
}

/// Returns the record of a task.
async fn record(store: &MemoryStore, task: &Value) -> (Vec<u8>, Value) {
    let key = format!("task-{}", task["taskId"].as_str().unwrap());
    let bytes = store.get(&key).await.unwrap().unwrap();
    let record = serde_json::from_slice(&bytes).unwrap();
    (bytes, record)
}

#[tokio::test]
async fn processes() {
    let (lease, starts) = (row("task-lease").for_all(), row("task-starts").for_all());
    lease.says("fails");
    starts.says("fails");
    for revision in [MODERN, LEGACY] {
        let store = Arc::<MemoryStore>::default();
        let replica = || with_tasks().tasks(Tasks::new().store(Arc::clone(&store)));
        let first = client(replica(), revision).await;
        let task = create(&first, revision, "pause").await.unwrap();
        let (bytes, mut changed) = record(&store, &task).await;
        let (until, created) = (&changed["lease"]["until"], &changed["created"]);
        let time = until.as_u64().unwrap() - created.as_u64().unwrap();
        assert_eq!(u128::from(time), lease.time().as_millis(), "{revision}");
        // The process of the task seems to be gone, again and again.
        let mut old = bytes;
        for start in 1..=starts.number() {
            changed["lease"]["until"] = json!(0);
            let new = changed.to_string();
            let key = format!("task-{}", task["taskId"].as_str().unwrap());
            let entry = StoreEntry::new(new.as_bytes(), Duration::from_secs(60));
            assert!(store.replace(&key, &old, entry).await.unwrap());
            let other = client(replica(), revision).await;
            let state = about(&other, revision, "tasks/get", &task).await.unwrap();
            let status = if start < starts.number() {
                "working"
            } else {
                "failed"
            };
            assert_eq!(state["status"], status, "{revision} {start}");
            (old, changed) = record(&store, &task).await;
        }
    }
}
