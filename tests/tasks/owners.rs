//! Tasks of other callers, and quotas.

use std::time::Duration;

use mcp_runtime::{ClientError, Store, Tasks, prelude::*};
use serde_json::{Value, json};

use super::caller::{Caller, code};
use mcp_tests::stores::{Faulty, Late, Mute, Shared};

/// Wait for ever.
#[tool(task)]
async fn waits() {
    std::future::pending::<()>().await;
}

/// End at once.
#[tool(task)]
async fn ends() {}

fn one_task(store: impl Store) -> Server {
    Server::new("app", "1.0.0")
        .with(components![waits, ends])
        .tasks(Tasks::new().store(store).per_principal(1))
}

/// Waits until a further task may be created.
async fn until_free(caller: &Caller) {
    for _ in 0..400 {
        if caller.call("waits", json!({})).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("a task that has ended still counts");
}

#[tokio::test]
async fn a_task_does_not_count_after_its_end_even_if_a_request_or_a_reply_is_lost() {
    let caller = Caller::named(one_task(Faulty::<Late>::default()), "ada").await;
    let id = caller.task("waits", json!({})).await;
    let cancelled = tokio::time::timeout(Duration::from_millis(20), caller.cancel(&id)).await;
    assert!(cancelled.is_err(), "the request is dropped");
    until_free(&caller).await;

    let caller = Caller::named(one_task(Faulty::<Mute>::default()), "ada").await;
    caller.task("ends", json!({})).await;
    until_free(&caller).await;
}

/// The list of unfinished tasks is changed after the record of a task.
#[tokio::test]
async fn a_task_whose_end_is_known_does_not_count() {
    let caller = Caller::named(one_task(Faulty::<Late>::default()), "ada").await;
    for _ in 0..3 {
        let id = caller.task("ends", json!({})).await;
        caller.end(&id).await;
    }
}

fn server(store: &Shared, limit: usize) -> Server {
    let tasks = Tasks::new().store(store.clone()).per_principal(limit);
    Server::new("app", "1.0.0")
        .with(components![waits])
        .tasks(tasks)
}

fn error(outcome: Result<Value, ClientError>) -> (i64, String) {
    match outcome {
        Err(ClientError::Rpc { code, message, .. }) => (code, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_task_of_another_caller_is_unknown() {
    let store = Shared::default();
    let ada = Caller::named(server(&store, 10), "ada").await;
    let id = ada.task("waits", json!({})).await;
    let strangers = [
        Caller::named(server(&store, 10), "bob").await,
        Caller::of(server(&store, 10)).await,
    ];
    for stranger in &strangers {
        for unknown in [
            "0".repeat(32),
            "x".to_owned(),
            String::new(),
            id.to_uppercase() + ".",
        ] {
            let expected = error(stranger.get(&unknown).await);
            assert_eq!(expected.0, -32602);
            assert_eq!(error(stranger.get(&id).await), expected);
            assert_eq!(error(stranger.update(&id, json!({})).await), expected);
            assert_eq!(error(stranger.cancel(&id).await), expected);
        }
    }
    assert_eq!(ada.get(&id).await.unwrap()["status"], "working");
    // The same principal is known to a replica.
    let replica = Caller::named(server(&store, 10), "ada").await;
    assert_eq!(replica.get(&id).await.unwrap()["status"], "working");
    replica.cancel(&id).await.unwrap();
    assert_eq!(ada.get(&id).await.unwrap()["status"], "cancelled");
    let nobody = Caller::of(server(&store, 10)).await;
    let own = nobody.task("waits", json!({})).await;
    assert_eq!(error(ada.get(&own).await).0, -32602);
}

#[tokio::test]
async fn each_principal_has_a_number_of_unfinished_tasks() {
    let store = Shared::default();
    let ada = Caller::named(server(&store, 2), "ada").await;
    let first = ada.task("waits", json!({})).await;
    // Replicas count the same tasks.
    let replica = Caller::named(server(&store, 2), "ada").await;
    replica.task("waits", json!({})).await;
    for caller in [&ada, &replica] {
        assert_eq!(code(caller.call("waits", json!({})).await), -32603);
    }
    Caller::named(server(&store, 2), "bob")
        .await
        .task("waits", json!({}))
        .await;
    ada.cancel(&first).await.unwrap();
    replica.task("waits", json!({})).await;
    assert_eq!(code(ada.call("waits", json!({})).await), -32603);
    tokio::time::sleep(Duration::from_millis(1)).await;
}
