//! Questions inside of tasks.

use std::collections::BTreeSet;

use mcp_runtime::{AskError, Tasks, prelude::*};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::join;

use super::caller::{Caller, accept};
use mcp_tests::stores::{Faulty, Mute};

#[derive(Deserialize, JsonSchema, Elicit)]
struct Name {
    #[schemars(length(min = 1))]
    name: String,
}

/// Ask twice at once, and then once more.
#[tool(task)]
async fn asks(context: Context) -> Result<String, AskError> {
    let (one, other) = join!(
        context.elicit::<Name>("One?"),
        context.elicit::<Name>("Other?")
    );
    let (one, other) = (one?, other?);
    let last = context.elicit::<Name>("One?").await?;
    Ok(format!("{} {} {}", one.name, other.name, last.name))
}

/// Ask a question that loses a race.
#[tool(task)]
async fn withdraws(context: Context) -> Result<&'static str, AskError> {
    tokio::select! {
        _ = context.elicit::<Name>("Late?").key("late") => {}
        first = context.elicit::<Name>("First?").key("first") => { first?; }
    }
    context.elicit::<Name>("Last?").key("last").await?;
    Ok("done")
}

fn server() -> Server {
    Server::new("app", "1.0.0").with(components![asks, withdraws])
}

fn questions(state: &Value) -> Vec<(String, String)> {
    let requests = state["inputRequests"].as_object().unwrap().iter();
    let text = |request: &Value| request["params"]["message"].as_str().unwrap().to_owned();
    requests
        .map(|(name, request)| (name.clone(), text(request)))
        .collect()
}

#[tokio::test]
async fn questions_are_answered_one_by_one_and_their_names_never_return() {
    let caller = Caller::of(server()).await;
    let id = caller.task("asks", json!({})).await;
    let state = caller.until(&id, &["input_required"]).await;
    let both = questions(&state);
    assert_eq!(both.len(), 2, "{state}");
    // Unknown names are ignored, and so are names that were answered before.
    caller
        .update(&id, json!({ "unknown": accept(json!({ "name": "?" })) }))
        .await
        .unwrap();
    let (first, second) = (&both[0], &both[1]);
    for answer in ["a", "ignored"] {
        caller
            .update(&id, json!({ &first.0: accept(json!({ "name": answer })) }))
            .await
            .unwrap();
        let state = caller.until(&id, &["input_required"]).await;
        assert_eq!(questions(&state), both[1..]);
    }
    caller
        .update(&id, json!({ &second.0: accept(json!({ "name": "b" })) }))
        .await
        .unwrap();
    let mut used: BTreeSet<String> = both.iter().map(|(name, _)| name.clone()).collect();
    // The text of this question is that of an earlier one; an invalid answer is asked again.
    for answer in [json!({ "name": 1 }), json!({ "name": "c" })] {
        let mut asked = Vec::new();
        for _ in 0..1000 {
            let state = caller.get(&id).await.unwrap();
            if state["status"] == "input_required" {
                asked = questions(&state);
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].1, "One?");
        assert!(
            used.insert(asked[0].0.clone()),
            "a name is used again: {asked:?}"
        );
        caller
            .update(&id, json!({ &asked[0].0: accept(answer) }))
            .await
            .unwrap();
    }
    let done = caller.end(&id).await;
    let text = done["result"]["content"][0]["text"].as_str().unwrap();
    let order = if first.1 == "One?" { "a b c" } else { "b a c" };
    assert_eq!(text, order);
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_is_withdrawn() {
    let caller = Caller::of(server()).await;
    let id = caller.task("withdraws", json!({})).await;
    let state = caller.until(&id, &["input_required"]).await;
    assert_eq!(questions(&state).len(), 2);
    caller
        .update(&id, json!({ "first": accept(json!({ "name": "x" })) }))
        .await
        .unwrap();
    for _ in 0..1000 {
        let state = caller.until(&id, &["input_required"]).await;
        if questions(&state) == [("last".to_owned(), "Last?".to_owned())] {
            caller
                .update(&id, json!({ "last": accept(json!({ "name": "x" })) }))
                .await
                .unwrap();
            assert_eq!(caller.end(&id).await["status"], "completed");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the question stays");
}

#[tokio::test]
async fn a_lost_reply_of_the_store_loses_no_answer_and_leaves_no_question() {
    let tasks = Tasks::new().store(Faulty::<Mute>::default());
    let caller = Caller::of(server().tasks(tasks)).await;
    let id = caller.task("withdraws", json!({})).await;
    // The reply to the first write is lost, so the questions are asked again, under other names.
    for (name, all) in [("first-2", 2), ("last", 1)] {
        let asked = loop {
            let state = caller.until(&id, &["input_required"]).await;
            let asked = questions(&state);
            if asked.iter().any(|(asked, _)| asked == name) {
                break asked;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        assert_eq!(asked.len(), all, "{asked:?}");
        let answer = json!({ name: accept(json!({ "name": "x" })) });
        assert!(
            caller.update(&id, answer).await.is_err(),
            "its reply is lost"
        );
    }
    assert_eq!(caller.end(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_declined_question_is_an_error_of_the_tool() {
    let caller = Caller::of(server()).await;
    let id = caller.task("asks", json!({})).await;
    let state = caller.until(&id, &["input_required"]).await;
    let answers: serde_json::Map<String, Value> = questions(&state)
        .into_iter()
        .map(|(name, _)| (name, json!({ "action": "decline" })))
        .collect();
    caller.update(&id, answers.into()).await.unwrap();
    let done = caller.end(&id).await;
    assert_eq!(
        (&done["status"], &done["result"]["isError"]),
        (&json!("completed"), &json!(true))
    );
}
