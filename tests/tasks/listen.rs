//! `notifications/tasks` on listen streams.

use std::time::Duration;

use mcp_runtime::{Tasks, prelude::*};
use serde_json::{Value, json};

use super::caller::{Caller, code, with_tasks};
use mcp_tests::stores::Shared;

/// Report progress and log, and then finish.
#[tool(task)]
async fn works(context: Context) -> &'static str {
    for step in 1..=3 {
        context.progress(step, None, Some(&format!("step {step}")));
        context.log(LogLevel::Error, "a log message");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    "done"
}

fn server() -> Server {
    Server::new("app", "1.0.0").with(components![works])
}

fn wishes(ids: &[&str]) -> Value {
    json!({
        "notifications": { "taskIds": ids },
        "_meta": {
            "io.modelcontextprotocol/clientCapabilities": with_tasks(),
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        },
    })
}

#[tokio::test]
async fn a_listener_receives_each_state_of_its_tasks_and_nothing_else() {
    let caller = Caller::of(server()).await;
    let params = json!({
        "name": "works", "arguments": {},
        "_meta": { "progressToken": 1, "io.modelcontextprotocol/logLevel": "debug" },
    });
    let created = caller.request("tools/call", params).await.unwrap();
    let id = created["taskId"].as_str().unwrap();
    let unknown = "0".repeat(32);
    let message = json!({
        "jsonrpc": "2.0", "id": "listening", "method": "subscriptions/listen", "params": wishes(&[id, &unknown, "x"]),
    })
    .to_string();
    let mut listening = std::pin::pin!(caller.client.send(&message));
    let mut heard = Vec::new();
    for _ in 0..400 {
        let ended = tokio::time::timeout(Duration::from_millis(5), listening.as_mut()).await;
        assert!(ended.is_err(), "{ended:?}");
        heard.extend(caller.client.take_notifications());
        if heard.iter().any(|it| it["params"]["status"] == "completed") {
            break;
        }
    }
    assert_eq!(
        heard[0]["method"],
        "notifications/subscriptions/acknowledged"
    );
    assert_eq!(
        heard[0]["params"]["notifications"],
        json!({ "taskIds": [id] })
    );
    let states = &heard[1..];
    assert!(
        states
            .iter()
            .all(|it| it["method"] == "notifications/tasks"),
        "{heard:#?}"
    );
    let messages: Vec<_> = states
        .iter()
        .map(|it| it["params"]["statusMessage"].clone())
        .collect();
    for step in ["step 2", "step 3"] {
        assert!(messages.contains(&json!(step)), "{messages:?}");
    }
    let mut last = states.last().unwrap()["params"].clone();
    assert_eq!(
        last["_meta"]["io.modelcontextprotocol/subscriptionId"],
        "listening"
    );
    let mut state = caller.get(id).await.unwrap();
    for it in [&mut last, &mut state] {
        it.as_object_mut()
            .unwrap()
            .retain(|name, _| name != "_meta" && name != "resultType");
    }
    assert_eq!(last, state, "the notification is what `tasks/get` returns");
}

#[tokio::test]
async fn a_task_that_has_ended_is_told_at_once() {
    let caller = Caller::of(server()).await;
    let id = caller.task("works", json!({})).await;
    caller.end(&id).await;
    let _listening = caller.client.listen(json!({ "taskIds": [id] }));
    let params = wishes(&[&id]);
    let message =
        json!({ "jsonrpc": "2.0", "id": 9, "method": "subscriptions/listen", "params": params });
    let text = message.to_string();
    let mut listening = std::pin::pin!(caller.client.send(&text));
    let ended = tokio::time::timeout(Duration::from_millis(50), listening.as_mut()).await;
    assert!(ended.is_err());
    let heard = caller.client.take_notifications();
    assert_eq!(heard[1]["params"]["status"], "completed", "{heard:?}");
}

#[tokio::test]
async fn a_listener_at_another_replica_is_told_the_end() {
    let store = Shared::default();
    let replica = || Caller::of(server().tasks(Tasks::new().store(store.clone())));
    let (runner, listener) = (replica().await, replica().await);
    let id = runner.task("works", json!({})).await;
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": wishes(&[&id]),
    });
    let message = message.to_string();
    let mut listening = std::pin::pin!(listener.client.send(&message));
    for _ in 0..100 {
        let ended = tokio::time::timeout(Duration::from_millis(50), listening.as_mut()).await;
        assert!(ended.is_err(), "{ended:?}");
        let heard = listener.client.take_notifications();
        if heard.iter().any(|it| it["params"]["status"] == "completed") {
            return;
        }
    }
    panic!("the end is not told");
}

#[tokio::test]
async fn a_client_without_tasks_cannot_listen_to_them() {
    let caller = Caller::of(server()).await.without_tasks();
    let params = json!({ "notifications": { "taskIds": ["0"] } });
    assert_eq!(
        code(caller.request("subscriptions/listen", params).await),
        -32021
    );
}
