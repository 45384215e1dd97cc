//! Tasks of sessions (2025-11-25), over each transport.

use std::collections::HashSet;
use std::time::Duration;

use mcp_runtime::{Principal, Revision, Tasks};
use mcp_tests::client::Connect as _;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};

use super::caller::accept;
use super::peer::{Peer, Process, SESSIONS, TRANSPORTS, Transport, code};

/// The key of `_meta` that names the task of a message.
const RELATED: &str = "io.modelcontextprotocol/related-task";

async fn open(transport: Transport) -> (Process, Peer) {
    let process = Process::start(transport, &[]).await;
    let peer = Peer::connect(&process, transport, SESSIONS).await;
    (process, peer)
}

#[tokio::test]
async fn the_capability_and_the_support_of_tools_are_those_of_one_revision() {
    for transport in TRANSPORTS {
        for revision in ["2024-11-05", "2025-03-26", "2025-06-18", SESSIONS, MODERN] {
            let process = Process::start(transport, &[]).await;
            let peer = Peer::connect(&process, transport, revision).await;
            let method = if revision == MODERN {
                "server/discover"
            } else {
                "initialize"
            };
            let params = json!({
                "protocolVersion": revision,
                "capabilities": {},
                "clientInfo": { "name": "x", "version": "1" },
            });
            let declared = peer.request(method, params).await.unwrap()["capabilities"].clone();
            let expected =
                json!({ "list": {}, "cancel": {}, "requests": { "tools": { "call": {} } } });
            let expected = (revision == SESSIONS).then_some(&expected);
            assert_eq!(declared.get("tasks"), expected, "{revision}");
            let listed = peer.request("tools/list", json!({})).await.unwrap();
            let support = |name: &str| {
                let tools = listed["tools"].as_array().unwrap();
                let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
                tool.get("execution").cloned()
            };
            for (tool, expected) in [
                ("plain", None),
                ("sleeps", Some("optional")),
                ("sleeps_long", Some("optional")),
                ("sleeps_only_in_tasks", Some("required")),
                ("inner_sleeps", Some("optional")),
            ] {
                let expected = expected.filter(|_| revision == SESSIONS);
                let expected = expected.map(|support| json!({ "taskSupport": support }));
                assert_eq!(support(tool), expected, "{revision} {tool}");
            }
            if revision != SESSIONS && revision != MODERN {
                let result = peer
                    .call("sleeps", json!({ "milliseconds": 1 }))
                    .await
                    .unwrap();
                assert_eq!(result["content"][0]["text"], "slept", "{revision}");
                for method in ["tasks/get", "tasks/result", "tasks/list", "tasks/cancel"] {
                    let answered = peer.about(method, &"0".repeat(32)).await;
                    assert_eq!(code(&answered), -32601, "{revision} {method}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_call_is_a_task_if_its_client_asks_for_one_and_its_tool_allows_it() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        let short = json!({ "milliseconds": 1 });
        for (tool, asks, expected) in [
            ("plain", false, Ok(false)),
            ("plain", true, Err(-32601)),
            ("sleeps", false, Ok(false)),
            ("sleeps", true, Ok(true)),
            ("sleeps_long", false, Ok(false)),
            ("sleeps_long", true, Ok(true)),
            ("sleeps_only_in_tasks", false, Err(-32601)),
            ("sleeps_only_in_tasks", true, Ok(true)),
            ("inner_sleeps", true, Ok(true)),
        ] {
            let mut params = json!({ "name": tool, "arguments": short });
            if tool == "plain" {
                params["arguments"] = json!({});
            }
            if asks {
                params["task"] = json!({});
            }
            let answered = peer.request("tools/call", params).await;
            let actual = match &answered {
                Ok(result) => Ok(result.get("task").is_some()),
                Err(_) => Err(code(&answered)),
            };
            assert_eq!(actual, expected, "{tool} {asks}: {answered:?}");
            if let Some(result) = answered.ok().filter(|it| it.get("task").is_some()) {
                assert_eq!(result["task"]["status"], "working");
                let id = result["task"]["taskId"].as_str().unwrap();
                assert_eq!(result["_meta"][RELATED], json!({ "taskId": id }));
                assert_eq!(peer.text(id).await, "slept");
            }
        }
        // The reply does not wait for the end.
        let begin = std::time::Instant::now();
        peer.task("sleeps", json!({ "milliseconds": 60_000 })).await;
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_state_has_its_times_and_no_other_metadata() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        for (requested, expected) in [
            (json!({}), 60_000),
            (json!({ "ttl": null }), 60_000),
            (json!({ "ttl": 5000 }), 5000),
            (json!({ "ttl": 2.5e3 }), 2500),
            (json!({ "ttl": 1e300 }), 60_000),
            (json!({ "ttl": 0 }), 1000),
        ] {
            let params = json!({ "name": "sleeps", "arguments": { "milliseconds": 60_000 }, "task": requested });
            let created = peer.request("tools/call", params).await.unwrap();
            let id = created["task"]["taskId"].as_str().unwrap();
            // `taskId` counts, and not the metadata of the request.
            let other = json!({ "taskId": id, "_meta": { RELATED: { "taskId": "other" } } });
            let got = peer.request("tasks/get", other).await.unwrap();
            let cancelled = peer.about("tasks/cancel", id).await.unwrap();
            for state in [&created["task"], &got, &cancelled] {
                assert_eq!(state["ttl"], expected, "{requested}");
                assert_eq!(state["pollInterval"], 20);
                assert!(state.get("_meta").is_none(), "{state}");
                for time in ["createdAt", "lastUpdatedAt"] {
                    let time = state[time].as_str().unwrap();
                    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
                }
            }
            assert!(cancelled["lastUpdatedAt"].as_str() >= got["lastUpdatedAt"].as_str());
        }
        for task in [
            json!([]),
            json!("x"),
            json!({ "ttl": -1 }),
            json!({ "ttl": "1" }),
        ] {
            let params =
                json!({ "name": "sleeps", "arguments": { "milliseconds": 1 }, "task": task });
            let answered = peer.request("tools/call", params).await;
            assert_eq!(code(&answered), -32602, "{task}");
        }
    }
}

#[tokio::test]
async fn ids_are_random() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        let mut ids = HashSet::new();
        for _ in 0..20 {
            let id = peer.task("sleeps", json!({ "milliseconds": 1 })).await;
            assert!(id.len() == 32 && ids.insert(id));
        }
    }
}

#[tokio::test]
async fn a_result_is_what_the_call_would_have_been_answered_with() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        let cases = [
            ("sleeps", json!({ "milliseconds": 300 }), "completed"),
            ("fails", json!({ "how": "tool" }), "failed"),
            ("fails", json!({ "how": "panic" }), "failed"),
            ("fails", json!({ "how": "protocol" }), "failed"),
            ("sleeps", json!({ "milliseconds": "many" }), "failed"),
        ];
        for (tool, arguments, status) in cases {
            let params = json!({ "name": tool, "arguments": arguments });
            let mut expected = peer.request("tools/call", params).await;
            let id = peer.task(tool, arguments).await;
            // It waits for the end, and can be read again.
            for _ in 0..2 {
                let mut result = peer.about("tasks/result", &id).await;
                if let (Ok(result), Ok(_)) = (&mut result, &expected) {
                    let meta = result.as_object_mut().unwrap().remove("_meta").unwrap();
                    assert_eq!(meta, json!({ RELATED: { "taskId": id } }));
                }
                for answered in [&mut result, &mut expected] {
                    without_reference(answered);
                }
                assert_eq!(result, expected, "{tool}");
            }
            let state = peer.about("tasks/get", &id).await.unwrap();
            assert_eq!(state["status"], status, "{tool}");
            assert_eq!(
                state.get("statusMessage").is_some(),
                status == "failed",
                "{state}"
            );
        }
    }
}

/// Replaces the reference to the log in the text of a panic, which is random.
fn without_reference(answered: &mut super::peer::Answered) {
    let Ok(result) = answered else {
        return;
    };
    let text = &mut result["content"][0]["text"];
    if let Some((before, _)) = text.as_str().and_then(|text| text.split_once("(reference")) {
        *text = before.to_owned().into();
    }
}

#[tokio::test]
async fn questions_are_requests_on_the_stream_of_the_result() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        for tool in ["greets", "inner_greets", "asks_first"] {
            let id = peer.task(tool, json!({})).await;
            let state = peer.until(&id, &["input_required"]).await;
            assert!(state.get("inputRequests").is_none());
            let (number, _, reply) = peer.send("tasks/result", json!({ "taskId": id })).await;
            // An invalid answer is asked again.
            for (member, answer) in [
                ("result", accept(json!({ "name": 1 }))),
                ("result", accept(json!({ "name": "Ada" }))),
            ] {
                let (stream, question) = peer.receive("elicitation/create", |_| true).await;
                assert_eq!(question["params"]["message"], "Who?");
                assert_eq!(
                    question["params"]["_meta"][RELATED],
                    json!({ "taskId": id })
                );
                if transport == Transport::Http {
                    assert_eq!(stream, Some(number));
                }
                peer.answer(&question, member, answer).await;
            }
            let reply = reply.await.unwrap();
            assert_eq!(
                reply["result"]["content"][0]["text"], "Hello, Ada!",
                "{tool}: {reply}"
            );
            let state = peer.about("tasks/get", &id).await.unwrap();
            assert_eq!(state["status"], "completed");
        }
        assert_eq!(
            peer.others()
                .iter()
                .filter(|it| it.get("id").is_some())
                .count(),
            0
        );
    }
}

#[tokio::test]
async fn a_task_works_again_after_its_last_answer() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        let id = peer.task("asks_and_waits", json!({})).await;
        peer.until(&id, &["input_required"]).await;
        let (_, _, reply) = peer.send("tasks/result", json!({ "taskId": id })).await;
        let (_, question) = peer.receive("elicitation/create", |_| true).await;
        peer.answer(&question, "result", accept(json!({ "name": "Ada" })))
            .await;
        peer.until(&id, &["working"]).await;
        peer.request("tasks/cancel", json!({ "taskId": id }))
            .await
            .unwrap();
        reply.await.unwrap();
    }
}

#[tokio::test]
async fn all_kinds_of_questions_are_asked_together_and_may_be_refused() {
    let page = json!({ "action": "accept" });
    let sample =
        json!({ "role": "assistant", "content": { "type": "text", "text": "Hi" }, "model": "m" });
    let roots = json!({ "roots": [{ "uri": "file:///a" }] });
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        for refuses in [false, true] {
            let id = peer.task("asks_all", json!({})).await;
            let (_, _, reply) = peer.send("tasks/result", json!({ "taskId": id })).await;
            for (method, mode, answer) in [
                ("elicitation/create", None, accept(json!({ "name": "Ada" }))),
                ("elicitation/create", Some("url"), page.clone()),
                ("sampling/createMessage", None, sample.clone()),
                ("roots/list", None, roots.clone()),
            ] {
                let of_mode =
                    |params: &Value| params["mode"].as_str().filter(|it| *it == "url") == mode;
                let (_, question) = peer.receive(method, of_mode).await;
                assert_eq!(
                    question["params"]["_meta"][RELATED]["taskId"], id,
                    "{question}"
                );
                assert_eq!(
                    question["params"].get("elicitationId").is_some(),
                    mode.is_some()
                );
                if refuses {
                    let error = json!({ "code": -1, "message": format!("no {method}") });
                    peer.answer(&question, "error", error).await;
                } else {
                    peer.answer(&question, "result", answer).await;
                }
            }
            let reply = reply.await.unwrap();
            let text = reply["result"]["content"][0]["text"].as_str().unwrap();
            if refuses {
                for method in ["elicitation/create", "sampling/createMessage", "roots/list"] {
                    assert!(text.contains(&format!("no {method}")), "{text}");
                }
            } else {
                assert_eq!(text, "Ada; opened; Hi; 1");
            }
        }
    }
}

#[tokio::test]
async fn the_newest_request_for_a_result_asks_and_all_are_answered() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        let id = peer.task("greets", json!({})).await;
        let mut replies = Vec::new();
        let mut last = Value::Null;
        for round in 0..5 {
            let (number, _, reply) = peer.send("tasks/result", json!({ "taskId": id })).await;
            replies.push(reply);
            let (stream, question) = peer.receive("elicitation/create", |_| true).await;
            if transport == Transport::Http {
                assert_eq!(stream, Some(number), "{round}");
            }
            if round > 0 {
                let is_it = |params: &Value| params["requestId"] == last["id"];
                peer.receive("notifications/cancelled", is_it).await;
            }
            last = question;
        }
        // Of five, the oldest does not wait any more.
        let oldest = replies.remove(0).await.unwrap();
        assert_eq!(oldest["error"]["code"], -32603, "{oldest}");
        peer.answer(&last, "result", accept(json!({ "name": "Ada" })))
            .await;
        for reply in replies {
            let reply = reply.await.unwrap();
            assert_eq!(reply["result"]["content"][0]["text"], "Hello, Ada!");
        }
    }
}

#[tokio::test]
async fn a_session_is_told_the_states_of_its_tasks() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        peer.listen_to_session().await;
        let id = peer.task("reports", json!({})).await;
        let told = |status: &'static str| {
            let id = id.clone();
            move |params: &Value| params["taskId"] == id && params["status"] == status
        };
        let status = "notifications/tasks/status";
        let (_, half) = peer.receive(status, told("working")).await;
        assert_eq!(half["params"]["statusMessage"], "half");
        assert!(half["params"].get("_meta").is_none());
        peer.about("tasks/cancel", &id).await.unwrap();
        peer.receive(status, told("cancelled")).await;
        let asking = peer.task("greets", json!({})).await;
        let is_asking =
            |params: &Value| params["taskId"] == asking && params["status"] == "input_required";
        peer.receive(status, is_asking).await;
    }
}

#[tokio::test]
async fn a_list_has_pages_and_all_tasks_of_its_caller() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        let mut ids = Vec::new();
        for _ in 0..120 {
            ids.push(peer.task("sleeps", json!({ "milliseconds": 0 })).await);
        }
        let (mut listed, mut pages, mut params) = (Vec::new(), Vec::new(), json!({}));
        loop {
            let page = peer.request("tasks/list", params).await.unwrap();
            let tasks = page["tasks"].as_array().unwrap();
            pages.push(tasks.len());
            for task in tasks {
                let id = task["taskId"].as_str().unwrap();
                assert_eq!(
                    task["createdAt"],
                    peer.about("tasks/get", id).await.unwrap()["createdAt"]
                );
                listed.push(id.to_owned());
            }
            match page.get("nextCursor") {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => break,
            }
        }
        assert_eq!((listed, pages), (ids, vec![50, 50, 20]));
        for cursor in ["", "x", "dG9vbHM6MQ"] {
            let answered = peer
                .request("tasks/list", json!({ "cursor": cursor }))
                .await;
            assert_eq!(code(&answered), -32602, "{cursor}");
        }
    }
}

#[tokio::test]
async fn a_cancelled_task_stays_cancelled_and_cannot_be_cancelled_again() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        let id = peer.task("greets", json!({})).await;
        peer.until(&id, &["input_required"]).await;
        let (_, _, reply) = peer.send("tasks/result", json!({ "taskId": id })).await;
        let (_, question) = peer.receive("elicitation/create", |_| true).await;
        let cancelled = peer.about("tasks/cancel", &id).await.unwrap();
        assert_eq!(cancelled["status"], "cancelled");
        // The question is withdrawn, and the request for the result is answered.
        let is_it = |params: &Value| params["requestId"] == question["id"];
        peer.receive("notifications/cancelled", is_it).await;
        assert!(reply.await.unwrap()["error"].is_object());
        peer.answer(&question, "result", accept(json!({ "name": "Ada" })))
            .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(
            peer.about("tasks/get", &id).await.unwrap()["status"],
            "cancelled"
        );
        assert_eq!(code(&peer.about("tasks/cancel", &id).await), -32602);
        let done = peer.task("sleeps", json!({ "milliseconds": 0 })).await;
        peer.text(&done).await;
        assert_eq!(code(&peer.about("tasks/cancel", &done).await), -32602);
        assert_eq!(peer.text(&done).await, "slept");
    }
}

#[tokio::test]
async fn the_cancellation_of_a_call_does_not_cancel_its_task() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        let arguments = json!({ "milliseconds": 300 });
        let params = json!({ "name": "sleeps", "arguments": arguments, "task": {} });
        let (number, _, reply) = peer.send("tools/call", params).await;
        let created = reply.await.unwrap();
        let cancelled = json!({ "requestId": number });
        peer.notify("notifications/cancelled", cancelled).await;
        let id = created["result"]["task"]["taskId"].as_str().unwrap();
        assert_eq!(peer.text(id).await, "slept", "{transport:?}");
    }
}

#[tokio::test]
async fn an_unknown_id_is_an_invalid_parameter() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
            for id in ["", "x", &"0".repeat(32)] {
                assert_eq!(code(&peer.about(method, id).await), -32602, "{method} {id}");
            }
            let without = peer.request(method, json!({})).await;
            assert_eq!(code(&without), -32602, "{method}");
        }
        assert_eq!(code(&peer.about("tasks/update", "x").await), -32601);
    }
}

#[tokio::test]
async fn a_task_belongs_to_its_session() {
    let process = Process::start(Transport::Http, &[]).await;
    let own = Peer::connect(&process, Transport::Http, SESSIONS).await;
    let other = Peer::connect(&process, Transport::Http, SESSIONS).await;
    other.listen_to_session().await;
    let modern = Peer::connect(&process, Transport::Http, MODERN).await;
    let id = own.task("greets", json!({})).await;
    own.until(&id, &["input_required"]).await;
    for stranger in [&other, &modern] {
        let unknown = stranger.about("tasks/get", &"0".repeat(32)).await;
        for method in ["tasks/get", "tasks/cancel"] {
            assert_eq!(stranger.about(method, &id).await, unknown, "{method}");
        }
    }
    let unknown = other.about("tasks/result", &"0".repeat(32)).await;
    assert_eq!(other.about("tasks/result", &id).await, unknown);
    let of_modern = modern
        .task("sleeps", json!({ "milliseconds": 60_000 }))
        .await;
    assert_eq!(code(&own.about("tasks/get", &of_modern).await), -32602);
    let listed = other.request("tasks/list", json!({})).await.unwrap();
    assert_eq!(listed["tasks"], json!([]));
    let listed = own.request("tasks/list", json!({})).await.unwrap();
    assert_eq!(listed["tasks"].as_array().unwrap().len(), 1);
    own.about("tasks/cancel", &id).await.unwrap();
    assert_eq!(other.others(), [] as [Value; 0]);
}

#[tokio::test]
async fn a_caller_has_a_number_of_unfinished_tasks() {
    for transport in TRANSPORTS {
        let (_process, peer) = open(transport).await;
        let long = json!({ "milliseconds": 60_000 });
        let mut last = String::new();
        for _ in 0..60 {
            last = peer.task("sleeps", long.clone()).await;
        }
        assert_eq!(code(&peer.call("sleeps", long.clone()).await), -32603);
        peer.about("tasks/cancel", &last).await.unwrap();
        peer.task("sleeps", long).await;
    }
}

/// A client in the process with a session, and perhaps a principal.
async fn in_process(
    store: &mcp_tests::stores::Shared,
    name: Option<&str>,
    revision: Revision,
) -> super::caller::Caller {
    let tasks = Tasks::new().store(store.clone());
    let client = super::tools::server().tasks(tasks).connect();
    let client = client.revision(revision);
    let client = match name {
        Some(name) => client.principal(Principal::new(name)),
        None => client,
    };
    super::caller::Caller {
        client: client.await,
        capabilities: if revision == Revision::LATEST {
            super::caller::with_tasks()
        } else {
            Value::Null
        },
    }
}

#[tokio::test]
async fn a_task_belongs_to_its_principal() {
    let store = mcp_tests::stores::Shared::default();
    let legacy = Revision::V2025_11_25;
    let ada = in_process(&store, Some("ada"), legacy).await;
    let params = json!({ "name": "sleeps", "arguments": { "milliseconds": 60_000 }, "task": {} });
    let created = ada.request("tools/call", params).await.unwrap();
    let id = created["task"]["taskId"].as_str().unwrap();
    let listed = async |caller: &super::caller::Caller| {
        let listed = caller.request("tasks/list", json!({})).await.unwrap();
        listed["tasks"].as_array().unwrap().len()
    };
    // The same principal in another session, even of another process.
    let again = in_process(&store, Some("ada"), legacy).await;
    assert_eq!(again.get(id).await.unwrap()["status"], "working");
    assert_eq!((listed(&ada).await, listed(&again).await), (1, 1));
    for name in [Some("bob"), None] {
        let stranger = in_process(&store, name, legacy).await;
        for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
            let refused = stranger.request(method, json!({ "taskId": id })).await;
            assert_eq!(super::caller::code(refused), -32602, "{name:?} {method}");
        }
        assert_eq!(listed(&stranger).await, 0);
    }
    let modern = in_process(&store, Some("ada"), Revision::LATEST).await;
    assert_eq!(super::caller::code(modern.get(id).await), -32602);
    again.cancel(id).await.unwrap();
    assert_eq!(ada.get(id).await.unwrap()["status"], "cancelled");
}
