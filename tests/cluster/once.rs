//! Effects of calls whose attempts reach several replicas.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{ClientError, Store, Tool};
use mcp_tests::client::{Client, Connect as _};
use mcp_tests::stores::{Away, Done, Fault, Faulty, Shared};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::join;
use tokio::time::{sleep, timeout};

#[derive(Deserialize, JsonSchema, Elicit)]
struct Answer {
    text: String,
}

/// The effect of the tool.
#[derive(Clone)]
struct Effect {
    /// The number of the effects that have begun.
    begun: Arc<AtomicU32>,
    time: Duration,
}

impl Effect {
    fn of(milliseconds: u64) -> Self {
        Self {
            begun: Arc::default(),
            time: Duration::from_millis(milliseconds),
        }
    }

    async fn run(&self) -> u32 {
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        sleep(self.time).await;
        number
    }

    fn begun(&self) -> u32 {
        self.begun.load(Ordering::SeqCst)
    }

    /// Waits until an effect has begun.
    async fn begins(&self) {
        while self.begun() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A client of one replica.
struct Replica(Client);

impl Replica {
    /// Connects to a replica whose tool asks, runs the effect, and asks again.
    async fn of(store: impl Store, effect: &Effect) -> Self {
        let effect = effect.clone();
        let charge = move |_: Value, context: Context| {
            let effect = effect.clone();
            async move {
                let Answer { .. } = context.elicit("May I?").await?;
                let number = context.once("charge", effect.run()).await?;
                let Answer { text } = context.elicit("And now?").await?;
                Ok::<_, ToolError>(format!("{number} {text}"))
            }
        };
        let tool = Tool::new("charge", json!({ "type": "object" }), charge);
        let server = Server::new("bank", "1.0.0").with(tool);
        Self(server.cluster(store).connect().await)
    }

    async fn send(&self, mut params: Value) -> Result<Value, ClientError> {
        params["name"] = "charge".into();
        let capabilities = json!({ "elicitation": { "form": {} } });
        params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": capabilities });
        self.0.request("tools/call", params).await
    }

    /// Calls the tool for the first time.
    async fn call(&self) -> Value {
        self.send(json!({})).await.unwrap()
    }

    /// Answers the question of a round.
    async fn answer(&self, asking: &Value) -> Result<Value, ClientError> {
        let questions = asking["inputRequests"].as_object().expect("questions");
        let key = questions.keys().next().expect("a question");
        let answer = json!({ "action": "accept", "content": { "text": "done" } });
        let state = &asking["requestState"];
        self.send(json!({ "requestState": state, "inputResponses": { key: answer } }))
            .await
    }
}

/// The text of a result.
fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

#[track_caller]
fn code(result: Result<Value, ClientError>) -> i64 {
    match result {
        Err(ClientError::Rpc { code, .. }) => code,
        other => panic!("no error: {other:?}"),
    }
}

#[tokio::test]
async fn one_state_at_two_replicas_at_once_has_one_effect() {
    let (store, effect) = (Shared::default(), Effect::of(50));
    let one = Replica::of(Arc::clone(&store), &effect).await;
    let other = Replica::of(store, &effect).await;
    let asking = one.call().await;
    let (at_one, at_other) = join!(one.answer(&asking), other.answer(&asking));
    assert_eq!(effect.begun(), 1);
    // Each replica continues the attempt of the other one.
    for (replica, next) in [(&other, at_one), (&one, at_other)] {
        assert_eq!(
            text(&replica.answer(&next.unwrap()).await.unwrap()),
            "1 done"
        );
    }
    assert_eq!(effect.begun(), 1);
}

#[tokio::test]
async fn an_older_state_sent_to_another_replica_repeats_no_effect() {
    let (store, effect) = (Shared::default(), Effect::of(0));
    let one = Replica::of(Arc::clone(&store), &effect).await;
    let older = one.call().await;
    one.answer(&older).await.unwrap();
    for _ in 0..2 {
        let other = Replica::of(Arc::clone(&store), &effect).await;
        let asking = other.answer(&older).await.unwrap();
        assert_eq!(text(&other.answer(&asking).await.unwrap()), "1 done");
    }
    assert_eq!(effect.begun(), 1);
    // Another call has an effect of its own.
    let asking = one.call().await;
    one.answer(&asking).await.unwrap();
    assert_eq!(effect.begun(), 2);
}

#[tokio::test]
async fn without_the_store_no_effect_begins() {
    let (store, effect) = (Faulty::from(Away::default()), Effect::of(0));
    let (one, other) = (
        Replica::of(store.clone(), &effect).await,
        Replica::of(store.clone(), &effect).await,
    );
    let asking = one.call().await;
    store.fault.set(true);
    for replica in [&one, &other] {
        assert_eq!(code(replica.answer(&asking).await), -32603);
    }
    assert_eq!(effect.begun(), 0);
    // The first attempt needs no store.
    one.call().await;
    store.fault.set(false);
    for replica in [&one, &other] {
        let next = replica.answer(&asking).await.unwrap();
        assert_eq!(text(&other.answer(&next).await.unwrap()), "1 done");
    }
    assert_eq!(effect.begun(), 1);
}

#[tokio::test]
async fn an_outcome_waits_for_the_store() {
    let (store, effect) = (Faulty::from(Away::default()), Effect::of(50));
    let one = Replica::of(store.clone(), &effect).await;
    let other = Replica::of(Arc::clone(&store.store), &effect).await;
    let asking = one.call().await;
    let going_away = async {
        effect.begins().await;
        store.fault.set(true);
        // The effect ends after 50 ms.
        sleep(Duration::from_millis(300)).await;
        store.fault.set(false);
    };
    let begin = tokio::time::Instant::now();
    let (next, at_other, ()) = join!(one.answer(&asking), other.answer(&asking), going_away);
    assert!(begin.elapsed() >= Duration::from_millis(300));
    for next in [next, at_other] {
        assert_eq!(text(&one.answer(&next.unwrap()).await.unwrap()), "1 done");
    }
    assert_eq!(effect.begun(), 1);
}

#[tokio::test]
async fn an_effect_that_was_given_up_is_not_repeated() {
    let (store, effect) = (Shared::default(), Effect::of(60_000));
    let one = Replica::of(Arc::clone(&store), &effect).await;
    let other = Replica::of(store, &effect).await;
    let asking = one.call().await;
    let disconnects = async {
        let answer = one.answer(&asking);
        tokio::select! {
            _ = answer => panic!("the effect has ended"),
            () = effect.begins() => {}
        }
    };
    disconnects.await;
    for replica in [&other, &one] {
        let result = timeout(Duration::from_secs(5), replica.answer(&asking)).await;
        let result = result.expect("no attempt waits").unwrap();
        assert_eq!(result["isError"], true, "{result}");
        let expected = "it is not known whether the effect `charge` was carried out";
        assert!(text(&result).contains(expected), "{result}");
    }
    assert_eq!(effect.begun(), 1);
}

/// The reply to the first entry of an effect is lost.
#[derive(Clone, Default)]
struct LostReply(Arc<AtomicBool>);

impl Fault for LostReply {
    fn after_put(&self, key: &str) -> Done {
        if key.starts_with("once-") && !self.0.swap(true, Ordering::SeqCst) {
            return Err("the reply is lost".into());
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_effect_that_never_began_runs_in_the_next_attempt() {
    let (store, effect) = (Faulty::from(LostReply::default()), Effect::of(0));
    let one = Replica::of(store, &effect).await;
    let asking = one.call().await;
    assert_eq!(code(one.answer(&asking).await), -32603);
    assert_eq!(effect.begun(), 0);
    let next = one.answer(&asking).await.unwrap();
    assert_eq!(text(&one.answer(&next).await.unwrap()), "1 done");
}
