//! Tasks whose process ends before them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::{AskError, Tasks, prelude::*};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Caller, accept, code};
use super::owners::Shared;

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

/// Wait for ever.
#[tool(task)]
async fn waits() {
    std::future::pending::<()>().await;
}

fn server(store: &Shared, counts: &Arc<Counts>) -> Server {
    let tasks = Tasks::new().store(store.clone());
    let mut limits = mcp_runtime::Limits::default();
    limits.shutdown_grace = Duration::from_millis(100);
    Server::new("app", "1.0.0")
        .with(components![order, waits])
        .state(Arc::clone(counts))
        .tasks(tasks)
        .limits(limits)
}

fn only_question(state: &Value) -> String {
    let requests = state["inputRequests"].as_object().unwrap();
    assert_eq!(requests.len(), 1, "{state}");
    requests.keys().next().unwrap().clone()
}

#[tokio::test]
async fn a_task_goes_on_after_a_restart_or_fails_as_its_author_chose() {
    let counts = Arc::new(Counts {
        runs: AtomicUsize::new(0),
        effects: AtomicUsize::new(0),
    });
    let store = Shared::default();
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
