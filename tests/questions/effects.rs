//! Effects that must not be repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::Revision;
use mcp_runtime::prelude::*;
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};
use tokio::join;

use super::caller::{Caller, everything, only, server, tool_call};
use super::forms::{says, text};

/// Counts the runs of an effect.
#[derive(Clone, Default)]
struct Ledger(Arc<AtomicU32>);

impl Ledger {
    fn charge(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn charged(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn an_effect_beside_a_question_happens_once() {
    let ledger = Ledger::default();
    let charges = ledger.clone();
    let caller = Caller::of(server(move |context| {
        let charges = charges.clone();
        async move {
            let slow = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                charges.charge()
            };
            let (charge, answer) = join!(context.once("charge", slow), text(&context, "what"));
            Ok(format!("{} {}", charge?, answer?))
        }
    }))
    .await;
    let asking = caller.call().await;
    // The effect was finished before the client was asked.
    assert_eq!(ledger.charged(), 1);
    assert_eq!(
        caller.reply(&asking, says("x")).await["content"][0]["text"],
        "1 x"
    );
    assert_eq!(ledger.charged(), 1);
}

fn charging(ledger: &Ledger, slow: bool) -> Server {
    let ledger = ledger.clone();
    server(move |context| {
        let ledger = ledger.clone();
        async move {
            text(&context, "may I?").await?;
            let effect = async {
                if slow {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
                ledger.charge()
            };
            let charge = context.once("charge", effect).await?;
            let answer = text(&context, "anything else?").await?;
            Ok(format!("{charge} {answer}"))
        }
    })
}

#[tokio::test]
async fn an_older_state_sent_again_repeats_no_effect() {
    let ledger = Ledger::default();
    let caller = Caller::of(charging(&ledger, false)).await;
    let older = caller.call().await;
    for _ in 0..3 {
        let asking = caller.reply(&older, says("yes")).await;
        let result = caller.reply(&asking, says("no")).await;
        assert_eq!(result["content"][0]["text"], "1 no");
    }
    assert_eq!(ledger.charged(), 1);
    // Another call runs the effect again.
    let asking = caller.call().await;
    caller.reply(&asking, says("yes")).await;
    assert_eq!(ledger.charged(), 2);
}

/// A client that sends a request again because the answer is late.
#[tokio::test]
async fn the_same_state_sent_twice_at_once_has_one_effect() {
    let ledger = Ledger::default();
    let caller = Caller::of(charging(&ledger, true)).await;
    let asking = caller.call().await;
    let (one, other) = join!(
        caller.reply(&asking, says("yes")),
        caller.reply(&asking, says("yes"))
    );
    assert_eq!(ledger.charged(), 1);
    for next in [one, other] {
        assert_eq!(
            caller.reply(&next, says("no")).await["content"][0]["text"],
            "1 no"
        );
    }
}

#[tokio::test]
async fn an_effect_that_was_dropped_makes_way_for_the_next() {
    let ledger = Ledger::default();
    let caller = Arc::new(Caller::of(charging(&ledger, true)).await);
    let asking = caller.call().await;
    let answers = json!({ only(&asking).0: says("yes") });
    let abandoned =
        tokio::time::timeout(Duration::from_millis(5), caller.retry(&asking, answers)).await;
    assert!(abandoned.is_err());
    let asking = caller.reply(&asking, says("yes")).await;
    assert_eq!(
        caller.reply(&asking, says("no")).await["content"][0]["text"],
        "1 no"
    );
}

#[tokio::test]
async fn equal_effects_in_one_call_are_one_in_both_eras() {
    let ledger = Ledger::default();
    let charges = ledger.clone();
    let make = || {
        let charges = charges.clone();
        server(move |context| {
            let charges = charges.clone();
            async move {
                let charge = || context.once("charge", async { charges.charge() });
                let (one, other) = join!(charge(), charge());
                Ok(format!("{} {} {}", one?, other?, charge().await?))
            }
        })
    };
    assert_eq!(
        Caller::of(make()).await.call().await["content"][0]["text"],
        "1 1 1"
    );
    let legacy = make().connect().revision(Revision::V2025_11_25).await;
    assert_eq!(
        legacy.call("tool", json!({})).await.unwrap().text(),
        "2 2 2"
    );
    assert_eq!(ledger.charged(), 2);
}

#[tokio::test]
async fn a_failed_effect_is_recorded_as_its_failure() {
    let ledger = Ledger::default();
    let charges = ledger.clone();
    let caller = Caller::of(server(move |context| {
        let charges = charges.clone();
        async move {
            let effect = async {
                charges.charge();
                Err::<u32, String>("no funds".to_owned())
            };
            let outcome = context.once("charge", effect).await?;
            text(&context, "what now?").await?;
            Ok(format!("{outcome:?}"))
        }
    }))
    .await;
    let asking = caller.call().await;
    assert_eq!(
        caller.reply(&asking, says("x")).await["content"][0]["text"],
        "Err(\"no funds\")"
    );
    assert_eq!(ledger.charged(), 1);
}

#[tokio::test]
async fn an_outcome_that_is_no_longer_of_its_type_is_told_in_our_words() {
    let caller = Caller::of(server(|context| async move {
        context.once("charge", async { 1_u32 }).await?;
        Ok(context.once("charge", async { String::new() }).await?)
    }))
    .await;
    let result = caller.call().await;
    assert_eq!(
        result["content"][0]["text"],
        "the outcome of the effect `charge` cannot be read again"
    );
}

/// A call is not suspended during an effect, so the effect must not wait for an answer.
#[tokio::test]
async fn a_question_within_an_effect_is_an_error_and_no_hang() {
    let handler = |context: Context| async move {
        let asked = context
            .once("charge", async {
                text(&context, "may I?")
                    .await
                    .map_err(|error| format!("{error:?}"))
            })
            .await?;
        Ok(format!("{asked:?}"))
    };
    let limit = Duration::from_secs(5);
    let caller = Caller::of(server(handler)).await;
    let result = tokio::time::timeout(limit, caller.call())
        .await
        .expect("the call hangs");
    assert_eq!(result["content"][0]["text"], "Err(\"OutsideCall\")");
}

/// Of two effects under one key, the inner would wait for the outer. In a task of its own, nothing would wake the call.
#[tokio::test]
async fn an_effect_within_an_effect_or_a_task_is_an_error_and_no_hang() {
    let handler = |context: Context| async move {
        let inner = context.once("charge", async { 1 });
        let outer = context.once("charge", async {
            inner.await.map_err(|error| error.to_string())
        });
        let outer: Result<i32, String> = outer.await?;
        let other = context.clone();
        let task = tokio::spawn(async move { other.once("other", async { 2 }).await });
        Ok(format!("{} {:?}", outer.unwrap_err(), task.await?))
    };
    for revision in [Revision::V2025_11_25, Revision::LATEST] {
        let client = server(handler).connect().revision(revision).await;
        let call = client.call("tool", json!({}));
        let reply = tokio::time::timeout(Duration::from_secs(5), call)
            .await
            .expect("the call hangs")
            .unwrap();
        assert!(
            reply.text().contains("not inside an effect"),
            "{}",
            reply.text()
        );
        assert!(
            reply.text().ends_with("Err(OutsideCall)"),
            "{}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn a_panic_in_an_effect_ends_the_call_alone() {
    let caller = Caller::of(server(|context| async move {
        let effect = async { panic!("a secret") };
        let (charge, answer) = join!(
            context.once::<u32>("charge", effect),
            text(&context, "what")
        );
        Ok(format!("{} {}", charge?, answer?))
    }))
    .await;
    let result = caller.call().await;
    assert_eq!(result["isError"], true);
    assert!(!result.to_string().contains("secret"));
}

/// Sends the call this many times again, with the same state and answer.
async fn send_again(caller: &Caller, asking: &Value, times: usize) {
    let mut params = tool_call();
    params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": everything() });
    params["inputResponses"] = json!({ only(asking).0: says("yes") });
    params["requestState"] = asking["requestState"].clone();
    for _ in 0..times {
        let result = caller.client.request("tools/call", params.clone()).await;
        assert_ne!(result.unwrap()["isError"], true);
    }
}

/// Neither the effect of the call nor that of an earlier call runs again.
#[tokio::test]
async fn a_state_sent_eleven_thousand_times_has_one_effect() {
    let ledger = Ledger::default();
    let charges = ledger.clone();
    let caller = Caller::of(server(move |context| {
        let charges = charges.clone();
        async move {
            text(&context, "may I?").await?;
            let charge = context.once("charge", async { charges.charge() }).await?;
            Ok(charge.to_string())
        }
    }))
    .await;
    let (first, other) = (caller.call().await, caller.call().await);
    send_again(&caller, &first, 1).await;
    send_again(&caller, &other, 11_000).await;
    send_again(&caller, &first, 1).await;
    assert_eq!(ledger.charged(), 2);
}
