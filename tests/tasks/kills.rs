//! Tasks whose process is killed, with records in a file.

use std::path::Path;
use std::time::Duration;

use mcp_runtime::{SqliteStore, Store as _, StoreEntry};
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};

use super::caller::accept;
use super::peer::{Peer, Process, SESSIONS, Transport};

/// The key of sessions, which both processes have.
const KEYS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Ends the lease of a task, as if its time was over.
async fn end_lease(file: &Path, id: &str) {
    let (store, key) = (SqliteStore::open(file).unwrap(), format!("task-{id}"));
    let old = store.get(&key).await.unwrap().unwrap();
    let mut record: Value = serde_json::from_slice(&old).unwrap();
    record["lease"]["until"] = json!(0);
    let new = record.to_string();
    let entry = StoreEntry::new(new.as_bytes(), Duration::from_secs(60));
    assert!(store.replace(&key, &old, entry).await.unwrap());
}

#[tokio::test]
async fn the_next_process_goes_on_with_the_tasks_of_one_that_was_killed() {
    // Over stdio, a session ends with its process.
    for (transport, revision) in [
        (Transport::Stdio, MODERN),
        (Transport::Http, MODERN),
        (Transport::Http, SESSIONS),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tasks.db");
        let environment = [
            ("TASKS_FILE", file.to_str().unwrap()),
            ("MCP_SESSION_KEYS", KEYS),
        ];
        let mut process = Process::start(transport, &environment).await;
        let mut peer = Peer::connect(&process, transport, revision).await;
        let done = peer.task("sleeps", json!({ "milliseconds": 1 })).await;
        assert_eq!(peer.text(&done).await, "slept");
        let [interrupted, order] = ["greets", "orders"].map(|tool| peer.task(tool, json!({})));
        let (interrupted, order) = (interrupted.await, order.await);
        for id in [&interrupted, &order] {
            peer.until(id, &["input_required"]).await;
        }
        process.child.kill().await.unwrap();
        for id in [&interrupted, &order] {
            end_lease(&file, id).await;
        }

        let process = Process::start(transport, &environment).await;
        peer.move_to(&process).await;
        assert_eq!(peer.text(&done).await, "slept", "{transport:?} {revision}");
        let failed = peer.until(&interrupted, &["failed"]).await;
        let message = failed["statusMessage"].as_str().unwrap();
        assert!(message.contains("ended before"), "{message}");
        // The effect is not repeated, and the question stays open.
        let state = peer.until(&order, &["input_required"]).await;
        let answer = accept(json!({ "name": "Ada" }));
        if revision == MODERN {
            let answers = json!({ "taskId": order, "inputResponses": { "who": answer } });
            assert!(state["inputRequests"]["who"].is_object(), "{state}");
            peer.request("tasks/update", answers).await.unwrap();
        } else {
            peer.send("tasks/result", json!({ "taskId": order })).await;
            let (_, question) = peer.receive("elicitation/create", |_| true).await;
            peer.answer(&question, "result", answer).await;
        }
        assert_eq!(peer.text(&order).await, "Ada, same process: false");
    }
}
