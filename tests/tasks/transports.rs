//! Tasks over each transport and in both eras.

use std::time::Duration;

use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};

use super::caller::accept;
use super::peer::{EVERYWHERE, Peer, Process, SESSIONS, TRANSPORTS, Transport, code};

/// Answers the only question of a task with a name.
async fn answer(peer: &Peer, revision: &str, id: &str) {
    let state = peer.until(id, &["input_required"]).await;
    let answer = accept(json!({ "name": "Ada" }));
    if revision == SESSIONS {
        peer.send("tasks/result", json!({ "taskId": id })).await;
        let related = "io.modelcontextprotocol/related-task";
        let is_it = |params: &Value| params["_meta"][related]["taskId"] == id;
        let (_, question) = peer.receive("elicitation/create", is_it).await;
        return peer.answer(&question, "result", answer).await;
    }
    let asked = state["inputRequests"].as_object().unwrap();
    let name = asked.keys().next().unwrap();
    let params = json!({ "taskId": id, "inputResponses": { name: answer } });
    peer.request("tasks/update", params).await.unwrap();
}

#[tokio::test]
async fn a_task_begins_asks_and_ends() {
    for (transport, revision) in EVERYWHERE {
        let process = Process::start(transport, &[]).await;
        let peer = Peer::connect(&process, transport, revision).await;
        for (tool, expected) in [("greets", "Hello, Ada!"), ("inner_greets", "Hello, Ada!")] {
            let id = peer.task(tool, json!({})).await;
            answer(&peer, revision, &id).await;
            assert_eq!(
                peer.text(&id).await,
                expected,
                "{transport:?} {revision} {tool}"
            );
        }
        let id = peer
            .task("inner_sleeps", json!({ "milliseconds": 100 }))
            .await;
        assert_eq!(peer.text(&id).await, "slept");
        let id = peer.task("reports", json!({})).await;
        peer.about("tasks/cancel", &id).await.unwrap();
        peer.until(&id, &["cancelled"]).await;
        assert_eq!(
            code(&peer.about("tasks/get", &"0".repeat(32)).await),
            -32602
        );
    }
}

#[tokio::test]
async fn a_task_that_has_expired_is_unknown() {
    for (transport, revision) in EVERYWHERE {
        let process = Process::start(transport, &[("TASKS_TTL", "1000")]).await;
        let peer = Peer::connect(&process, transport, revision).await;
        let long = json!({ "milliseconds": 60_000 });
        let (ended, unfinished) = (
            peer.task("sleeps", json!({ "milliseconds": 0 })).await,
            peer.task("sleeps", long.clone()).await,
        );
        assert_eq!(peer.text(&ended).await, "slept");
        tokio::time::sleep(Duration::from_millis(1200)).await;
        for id in [&ended, &unfinished] {
            for method in ["tasks/get", "tasks/cancel"] {
                let answered = peer.about(method, id).await;
                assert_eq!(code(&answered), -32602, "{transport:?} {revision} {method}");
            }
        }
        if revision == SESSIONS {
            assert_eq!(code(&peer.about("tasks/result", &ended).await), -32602);
            let listed = peer.request("tasks/list", json!({})).await.unwrap();
            assert_eq!(listed["tasks"], json!([]));
            // A request that waits for a result is answered when the task expires.
            let id = peer.task("sleeps", long).await;
            assert_eq!(code(&peer.about("tasks/result", &id).await), -32602);
        }
    }
}

#[tokio::test]
async fn a_listener_is_told_each_state() {
    for transport in TRANSPORTS {
        let process = Process::start(transport, &[]).await;
        let peer = Peer::connect(&process, transport, MODERN).await;
        let id = peer.task("greets", json!({})).await;
        let other = peer.task("greets", json!({})).await;
        let filter = json!({ "notifications": { "taskIds": [id, "0".repeat(32)] } });
        let (number, _, _) = peer.send("subscriptions/listen", filter).await;
        let (_, agreed) = peer
            .receive("notifications/subscriptions/acknowledged", |_| true)
            .await;
        assert_eq!(agreed["params"]["notifications"]["taskIds"], json!([id]));
        for id in [&other, &id] {
            answer(&peer, MODERN, id).await;
        }
        for status in ["input_required", "working", "completed"] {
            let is_it = |params: &Value| params["status"] == status;
            let (stream, told) = peer.receive("notifications/tasks", is_it).await;
            assert_eq!(told["params"]["taskId"], id, "{transport:?}");
            let subscription = &told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
            assert_eq!(*subscription, number);
            if transport == Transport::Http {
                assert_eq!(stream, Some(number));
            }
        }
    }
}

#[tokio::test]
async fn the_header_repeats_the_id_of_the_task() {
    let process = Process::start(Transport::Http, &[]).await;
    let peer = Peer::connect(&process, Transport::Http, MODERN).await;
    let id = peer.task("reports", json!({})).await;
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({ "taskId": id, "inputResponses": {} });
        for (name, expected) in [
            (Some("0".repeat(32)), Some(-32020)),
            (None, Some(-32020)),
            (Some(id.clone()), None),
        ] {
            let answered = peer.named(method, params.clone(), name.clone()).await;
            let actual = answered.as_ref().err().map(|_| code(&answered));
            assert_eq!(actual, expected, "{method} {name:?}");
        }
    }
}

#[tokio::test]
async fn a_server_whose_tasks_only_wait_for_answers_stops_at_once() {
    for (transport, revision) in EVERYWHERE {
        let mut process = Process::start(transport, &[]).await;
        let peer = Peer::connect(&process, transport, revision).await;
        for tool in ["greets", "orders"] {
            let id = peer.task(tool, json!({})).await;
            peer.until(&id, &["input_required"]).await;
            if revision == SESSIONS {
                peer.send("tasks/result", json!({ "taskId": id })).await;
            }
        }
        let begin = std::time::Instant::now();
        process.terminate();
        process.child.wait().await.unwrap();
        let took = begin.elapsed();
        assert!(
            took < Duration::from_secs(3),
            "{transport:?} {revision}: {took:?}"
        );
    }
}
