//! Tasks whose process ends before them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::{AskError, Store as _, StoreEntry, Tasks, prelude::*};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Caller, accept, code};
use mcp_tests::stores::{Faulty, Late, Shared};

#[derive(Deserialize, JsonSchema, Elicit)]
struct Name {
    name: String,
}

struct Counts {
    runs: AtomicUsize,
    effects: AtomicUsize,
}

/// Ask, charge once, ask again.
#[tool(task(restart))]
async fn order(counts: State<Arc<Counts>>, context: Context) -> Result<String, AskError> {
    counts.runs.fetch_add(1, Ordering::Relaxed);
    let first = context.elicit::<Name>("Who?").key("who").await?;
    let charged = context
        .once("charge", async {
            counts.effects.fetch_add(1, Ordering::Relaxed)
        })
        .await?;
    let last = context.elicit::<Name>("Sure?").key("sure").await?;
    Ok(format!("{} {charged} {}", first.name, last.name))
}

/// Ask once, after some work.
#[tool(task(restart))]
async fn prepares(context: Context) -> Result<String, AskError> {
    tokio::time::sleep(Duration::from_millis(300)).await;
    let answer = context.elicit::<Name>("Who?").key("who").await?;
    Ok(answer.name)
}

/// Wait for ever.
#[tool(task)]
async fn waits() {
    std::future::pending::<()>().await;
}

/// Wait for ever, in a request.
#[tool]
async fn request() {
    std::future::pending::<()>().await;
}

fn server(store: &Shared, counts: &Arc<Counts>) -> Server {
    let tasks = Tasks::new().store(store.clone());
    let mut limits = mcp_runtime::Limits::default();
    limits.shutdown_grace = Duration::from_millis(100);
    Server::new("app", "1.0.0")
        .with(components![order, prepares, waits, request])
        .state(Arc::clone(counts))
        .tasks(tasks)
        .limits(limits)
}

fn only_question(state: &Value) -> String {
    let requests = state["inputRequests"].as_object().unwrap();
    assert_eq!(requests.len(), 1, "{state}");
    requests.keys().next().unwrap().clone()
}

/// Changes the record of a task, as another process could.
async fn rewrite(store: &Shared, id: &str, change: impl FnOnce(&mut Value)) {
    let key = format!("task-{id}");
    let old = store.get(&key).await.unwrap().unwrap();
    let mut record: Value = serde_json::from_slice(&old).unwrap();
    change(&mut record);
    let new = record.to_string();
    let entry = StoreEntry::new(new.as_bytes(), Duration::from_secs(60));
    assert!(store.replace(&key, &old, entry).await.unwrap());
}

fn counts() -> Arc<Counts> {
    Arc::new(Counts {
        runs: AtomicUsize::new(0),
        effects: AtomicUsize::new(0),
    })
}

#[tokio::test]
async fn a_process_that_renews_too_late_keeps_its_task() {
    let store = Shared::default();
    let caller = Caller::named(server(&store, &counts()), "ada").await;
    let id = caller.task("waits", json!({})).await;
    rewrite(&store, &id, |record| record["lease"]["until"] = json!(0)).await;
    assert_eq!(caller.get(&id).await.unwrap()["status"], "working");
}

#[tokio::test]
async fn a_store_that_lost_answers_does_not_stop_a_task() {
    let store = Shared::default();
    let caller = Caller::named(server(&store, &counts()), "ada").await;
    let id = caller.task("order", json!({})).await;
    let mut name = String::new();
    for _ in 0..2 {
        let mut state = caller.until(&id, &["input_required"]).await;
        while only_question(&state) == name {
            tokio::time::sleep(Duration::from_millis(5)).await;
            state = caller.until(&id, &["input_required"]).await;
        }
        name = only_question(&state);
        rewrite(&store, &id, |record| record["answers"] = json!([])).await;
        // The task reads its record every second.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let answer = json!({ &name: accept(json!({ "name": "Ada" })) });
        caller.update(&id, answer).await.unwrap();
    }
    assert_eq!(caller.end(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_run_that_was_replaced_in_its_own_process_writes_nothing() {
    let store = Shared::default();
    let caller = Caller::named(server(&store, &counts()), "ada").await;
    let id = caller.task("order", json!({})).await;
    let state = caller.until(&id, &["input_required"]).await;
    rewrite(&store, &id, |record| record["starts"] = json!(2)).await;
    let answer = json!({ only_question(&state): accept(json!({ "name": "Ada" })) });
    caller.update(&id, answer).await.unwrap();
    // The old run does not look for the answer, so it does not ask again.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(caller.get(&id).await.unwrap()["status"], "working");
}

#[tokio::test]
async fn an_open_question_is_answered_before_a_new_run_asks_it_again() {
    let store = Shared::default();
    let first = Caller::named(server(&store, &counts()), "ada").await;
    let id = first.task("prepares", json!({})).await;
    first.until(&id, &["input_required"]).await;
    first.client.close().await;
    let second = Caller::named(server(&store, &counts()), "ada").await;
    for _ in 0..20 {
        let state = second.get(&id).await.unwrap();
        assert_eq!(only_question(&state), "who", "it stays open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = json!({ "who": accept(json!({ "name": "Ada" })) });
    second.update(&id, answer).await.unwrap();
    let mut state = second.get(&id).await.unwrap();
    while state["status"] != "completed" {
        assert_eq!(state["status"], "working", "it is not asked again: {state}");
        tokio::time::sleep(Duration::from_millis(5)).await;
        state = second.get(&id).await.unwrap();
    }
    assert_eq!(state["result"]["content"][0]["text"], "Ada");
}

#[tokio::test]
async fn a_server_that_is_busy_does_not_fail_a_task_that_it_would_start_again() {
    let store = Shared::default();
    let first = Caller::named(server(&store, &counts()), "ada").await;
    let id = first.task("order", json!({})).await;
    first.until(&id, &["input_required"]).await;
    first.client.close().await;
    let counts = counts();
    let mut limits = mcp_runtime::Limits::default();
    limits.requests = 1;
    let second = Caller::named(server(&store, &counts).limits(limits), "ada").await;
    {
        let mut busy = std::pin::pin!(second.call("request", json!({})));
        let early = tokio::time::timeout(Duration::from_millis(50), busy.as_mut()).await;
        assert!(early.is_err());
        for _ in 0..10 {
            let state = second.get(&id).await.unwrap();
            assert_eq!(state["status"], "input_required", "{state}");
        }
        assert_eq!(counts.runs.load(Ordering::Relaxed), 0);
    }
    for _ in 0..1000 {
        second.get(&id).await.unwrap();
        if counts.runs.load(Ordering::Relaxed) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the task is not started again");
}

#[tokio::test]
async fn a_task_is_not_started_again_to_be_cancelled_or_listened_to() {
    let (store, counts) = (Shared::default(), counts());
    let first = Caller::named(server(&store, &counts), "ada").await;
    let id = first.task("order", json!({})).await;
    first.until(&id, &["input_required"]).await;
    first.client.close().await;
    let second = Caller::named(server(&store, &counts), "ada").await;
    let params = json!({ "notifications": { "taskIds": [id] } });
    let listening = second.request("subscriptions/listen", params);
    let ended = tokio::time::timeout(Duration::from_millis(100), listening).await;
    assert!(ended.is_err(), "{ended:?}");
    second.cancel(&id).await.unwrap();
    assert_eq!(second.get(&id).await.unwrap()["status"], "cancelled");
    assert_eq!(counts.runs.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_server_that_stops_gives_up_its_tasks_before_it_has_stopped() {
    let late = Faulty::<Late>::default();
    let server = server(&late.store, &counts()).tasks(Tasks::new().store(late.clone()));
    let caller = Caller::named(server, "ada").await;
    let id = caller.task("order", json!({})).await;
    caller.until(&id, &["input_required"]).await;
    caller.client.close().await;
    rewrite(&late.store, &id, |record| {
        assert!(record["lease"].is_null(), "{record}");
    })
    .await;
}

#[tokio::test]
async fn a_task_goes_on_after_a_restart_or_fails_as_its_author_chose() {
    let (counts, store) = (counts(), Shared::default());
    let first = Caller::named(server(&store, &counts), "ada").await;
    let waiting = first.task("waits", json!({})).await;
    let ordered = first.task("order", json!({})).await;
    let state = first.until(&ordered, &["input_required"]).await;
    let who = only_question(&state);
    first
        .update(&ordered, json!({ &who: accept(json!({ "name": "Ada" })) }))
        .await
        .unwrap();
    let mut sure = String::new();
    for _ in 0..1000 {
        let state = first.get(&ordered).await.unwrap();
        if state["status"] == "input_required" && only_question(&state) != who {
            sure = only_question(&state);
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(counts.runs.load(Ordering::Relaxed), 1);
    first.client.close().await;

    let second = Caller::named(server(&store, &counts), "ada").await;
    let failed = second.end(&waiting).await;
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["statusMessage"].as_str().unwrap().contains("server"),
        "{failed}"
    );
    assert_eq!(
        code(
            Caller::named(server(&store, &counts), "bob")
                .await
                .get(&ordered)
                .await
        ),
        -32602
    );
    assert_eq!(
        counts.runs.load(Ordering::Relaxed),
        1,
        "nobody has asked for it"
    );
    let state = second.until(&ordered, &["input_required"]).await;
    assert_eq!(
        only_question(&state),
        sure,
        "the open question keeps its name"
    );
    second
        .update(&ordered, json!({ &sure: accept(json!({ "name": "yes" })) }))
        .await
        .unwrap();
    let done = second.end(&ordered).await;
    assert_eq!(done["result"]["content"][0]["text"], "Ada 0 yes", "{done}");
    assert_eq!(counts.runs.load(Ordering::Relaxed), 2);
    assert_eq!(
        counts.effects.load(Ordering::Relaxed),
        1,
        "the effect has run once"
    );
}
