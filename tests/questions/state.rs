//! The state that clients carry: they can send it back, and can neither change nor read it.

use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{ClientError, Limits};
use serde_json::{Value, json};

use super::caller::{Caller, code, is_asking, only, server, tool};
use super::forms::{says, text};

const INVALID_PARAMS: i64 = -32602;

async fn ask(context: Context) -> Result<String, ToolError> {
    Ok(text(&context, "what").await?)
}

fn params(arguments: Value) -> Value {
    json!({ "name": "tool", "arguments": arguments })
}

fn arguments() -> Value {
    json!({ "a": 1, "b": [{ "x": "é", "y": null }] })
}

async fn begun(server: Server) -> (Caller, Value) {
    let caller = Caller::of(server).await;
    let asking = caller
        .send("tools/call", params(arguments()))
        .await
        .unwrap();
    assert!(is_asking(&asking));
    (caller, asking)
}

fn answers(asking: &Value) -> Value {
    json!({ only(asking).0: says("x") })
}

/// Sends the same request again, with the answers.
async fn again(caller: &Caller, asking: &Value) -> Result<Value, ClientError> {
    caller
        .again("tools/call", &params(arguments()), answers(asking), asking)
        .await
}

#[tokio::test]
async fn a_state_that_was_changed_anywhere_is_refused() {
    let (caller, asking) = begun(server(ask)).await;
    let state = asking["requestState"].as_str().unwrap();
    let mut changed: Vec<String> = (0..state.len())
        .map(|index| {
            let other = if &state[index..=index] == "A" {
                "B"
            } else {
                "A"
            };
            format!("{}{other}{}", &state[..index], &state[index + 1..])
        })
        .collect();
    changed.extend([
        String::new(),
        state[1..].to_owned(),
        state[..state.len() - 1].to_owned(),
        format!("{state}A"),
        format!("{state}="),
        format!(" {state}"),
        "é".to_owned(),
        "A".repeat(100_000),
    ]);
    for changed in changed {
        let forged = json!({ "requestState": changed });
        let outcome = caller
            .again(
                "tools/call",
                &params(arguments()),
                answers(&asking),
                &forged,
            )
            .await;
        assert_eq!(code(outcome), INVALID_PARAMS, "{changed}");
    }
    for forged in [json!(1), json!(null), json!({}), json!([state])] {
        let forged = json!({ "requestState": forged });
        let outcome = caller
            .again(
                "tools/call",
                &params(arguments()),
                answers(&asking),
                &forged,
            )
            .await;
        assert_eq!(code(outcome), INVALID_PARAMS, "{forged}");
    }
    for answers in [json!(1), json!([]), json!("x")] {
        let outcome = caller
            .again("tools/call", &params(arguments()), answers.clone(), &asking)
            .await;
        assert_eq!(code(outcome), INVALID_PARAMS, "{answers}");
    }
    let result = again(&caller, &asking).await;
    assert_eq!(result.unwrap()["content"][0]["text"], "x");
}

#[tokio::test]
async fn a_state_serves_its_own_request_only() {
    let (caller, asking) = begun(server(ask).with(tool("other", ask))).await;
    let mut other_tool = params(arguments());
    other_tool["name"] = "other".into();
    let mut more = arguments();
    more["c"] = 1.into();
    let mut list = arguments();
    list["b"] = json!([]);
    for other in [
        other_tool,
        params(more),
        params(list),
        params(json!({})),
        json!({ "name": "tool" }),
    ] {
        let outcome = caller
            .again("tools/call", &other, answers(&asking), &asking)
            .await;
        assert_eq!(code(outcome), INVALID_PARAMS, "{other}");
    }
    let reordered: Value = serde_json::from_str(
        r#"{"arguments":{"b":[{"y":null,"x":"\u00e9"}],"a":1},"name":"tool"}"#,
    )
    .unwrap();
    let result = caller
        .again("tools/call", &reordered, answers(&asking), &asking)
        .await;
    assert_eq!(result.unwrap()["content"][0]["text"], "x");
}

#[tokio::test]
async fn a_state_expires() {
    let mut limits = Limits::default();
    limits.answer_timeout = Duration::from_secs(3);
    let (caller, asking) = begun(server(ask).limits(limits)).await;
    // A request within the time limit is served, whatever the clock showed at its start.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let result = again(&caller, &asking).await;
    assert_eq!(result.unwrap()["content"][0]["text"], "x");
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    let outcome = again(&caller, &asking).await;
    assert_eq!(code(outcome), INVALID_PARAMS);
}

#[tokio::test]
async fn replicas_share_keys_and_rotate_them() {
    let (_, asking) = begun(server(ask).session_keys([[1; 32]])).await;
    for (keys, accepted) in [
        (vec![[1; 32]], true),
        (vec![[2; 32], [1; 32]], true),
        (vec![[2; 32]], false),
        (vec![], false),
    ] {
        let replica = Caller::of(server(ask).session_keys(keys.clone())).await;
        let outcome = replica
            .again(
                "tools/call",
                &params(arguments()),
                answers(&asking),
                &asking,
            )
            .await;
        if accepted {
            assert_eq!(outcome.unwrap()["content"][0]["text"], "x");
        } else {
            assert_eq!(code(outcome), INVALID_PARAMS, "{keys:?}");
        }
    }
}

#[tokio::test]
async fn a_journal_that_grows_too_large_is_a_clear_error() {
    let caller = Caller::of(server(|context| async move {
        for number in 0..10 {
            text(&context, number.to_string()).await?;
        }
        Ok("too much".to_owned())
    }))
    .await;
    let mut asking = caller.send("tools/call", params(json!({}))).await.unwrap();
    let refusal = loop {
        let answers = json!({ only(&asking).0: says("x".repeat(60_000)) });
        match caller
            .again("tools/call", &params(json!({})), answers, &asking)
            .await
        {
            Ok(next) => asking = next,
            Err(error) => break error,
        }
    };
    let ClientError::Rpc { code, message, .. } = refusal else {
        panic!("{refusal}");
    };
    // The answers of the client are too long; it can send shorter ones.
    assert_eq!(code, INVALID_PARAMS, "{message}");
    assert!(
        message.contains("bytes") && message.contains("262144"),
        "{message}"
    );
}

#[tokio::test]
async fn an_effect_whose_outcome_is_too_large_is_a_mistake_of_the_server() {
    let caller = Caller::of(server(|context| async move {
        let large = async { "x".repeat(300_000) };
        context.once("large", large).await?;
        Ok(text(&context, "what").await?)
    }))
    .await;
    let outcome = caller.send("tools/call", params(json!({}))).await;
    assert_eq!(code(outcome), -32603);
}

/// The state reveals neither answers nor the results of effects.
#[tokio::test]
async fn a_state_cannot_be_read() {
    let caller = Caller::of(server(|context| async move {
        let secret = context
            .once("secret", async { "hunter2".to_owned() })
            .await?;
        text(&context, "first").await?;
        text(&context, "second").await?;
        Ok(secret)
    }))
    .await;
    let asking = caller.send("tools/call", params(json!({}))).await.unwrap();
    let answers = json!({ only(&asking).0: says("swordfish") });
    let asking = caller
        .again("tools/call", &params(json!({})), answers, &asking)
        .await
        .unwrap();
    assert!(!asking.to_string().contains("hunter2"));
    assert!(!asking["requestState"].to_string().contains("swordfish"));
}
