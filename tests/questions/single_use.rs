//! States that can be used once only.

use std::error::Error;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{ClientError, Limits, MemoryStore, Store, StoreEntry, StoreFuture};
use serde_json::{Value, json};
use tokio::join;

use super::caller::{Caller, code, is_asking, only, server, tool_call};
use super::forms::{says, text};

const INVALID_PARAMS: i64 = -32602;
const INTERNAL_ERROR: i64 = -32603;

/// A server whose tool asks twice and then counts, slowly.
fn counting(count: &Arc<AtomicU32>) -> Server {
    let count = Arc::clone(count);
    server(move |context| {
        let count = Arc::clone(&count);
        async move {
            text(&context, "first").await?;
            text(&context, "second").await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(count.fetch_add(1, Ordering::SeqCst).to_string())
        }
    })
}

async fn reply(caller: &Caller, asking: &Value) -> Result<Value, ClientError> {
    let answers = json!({ only(asking).0: says("x") });
    caller
        .again("tools/call", &tool_call(), answers, asking)
        .await
}

#[tokio::test]
async fn each_state_serves_once_and_the_call_comes_to_its_end() {
    let count = Arc::default();
    let server = counting(&count).single_use_state(MemoryStore::default());
    let caller = Caller::of(server).await;
    let first = caller.call().await;
    let second = reply(&caller, &first).await.unwrap();
    assert!(is_asking(&second));
    // Neither an older state nor the last one can be sent again, before or after the end.
    assert_eq!(code(reply(&caller, &first).await), INVALID_PARAMS);
    let result = reply(&caller, &second).await.unwrap();
    assert_eq!(result["content"][0]["text"], "0");
    for used in [&first, &second] {
        let Err(ClientError::Rpc { code, message, .. }) = reply(&caller, used).await else {
            panic!("the state was accepted twice");
        };
        assert_eq!(code, INVALID_PARAMS);
        assert!(message.contains("used before"), "{message}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // A new call is independent.
    assert!(is_asking(&caller.call().await));
}

#[tokio::test]
async fn of_two_that_send_a_state_at_once_one_is_served() {
    let count = Arc::default();
    let server = counting(&count).single_use_state(MemoryStore::default());
    let caller = Caller::of(server).await;
    let first = caller.call().await;
    let second = reply(&caller, &first).await.unwrap();
    let (one, other) = join!(reply(&caller, &second), reply(&caller, &second));
    assert_ne!(one.is_ok(), other.is_ok());
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_single_use_a_state_serves_again() {
    let count = Arc::default();
    let caller = Caller::of(counting(&count)).await;
    let first = caller.call().await;
    let second = reply(&caller, &first).await.unwrap();
    for _ in 0..2 {
        assert!(is_asking(&reply(&caller, &first).await.unwrap()));
        reply(&caller, &second).await.unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_is_no_state_uses_none_up() {
    let count = Arc::default();
    let server = counting(&count).single_use_state(MemoryStore::default());
    let caller = Caller::of(server).await;
    let first = caller.call().await;
    let mut other = tool_call();
    other["arguments"] = json!({ "another": 1 });
    let outcome = caller.again("tools/call", &other, json!({}), &first).await;
    assert_eq!(code(outcome), INVALID_PARAMS);
    let outcome = caller
        .again("tools/call", &tool_call(), json!([]), &first)
        .await;
    assert_eq!(code(outcome), INVALID_PARAMS);
    assert!(is_asking(&reply(&caller, &first).await.unwrap()));
}

#[tokio::test]
async fn a_full_memory_refuses_and_runs_nothing() {
    let count = Arc::default();
    let server = counting(&count).single_use_state(MemoryStore::new(1, 1000));
    let caller = Caller::of(server).await;
    let second = reply(&caller, &caller.call().await).await.unwrap();
    let Err(ClientError::Rpc { code, message, .. }) = reply(&caller, &second).await else {
        panic!("the state was accepted");
    };
    assert_eq!(code, INTERNAL_ERROR);
    assert!(message.contains("try again later"), "{message}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    // A call that does not use the store is served.
    assert!(is_asking(&caller.call().await));
}

/// A slow store that remembers nothing.
struct Slow;

impl Store for Slow {
    fn get<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(ready(Ok(None)))
    }

    fn put_if_absent<'a>(&'a self, _: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            tokio::time::sleep(entry.time_to_live + Duration::from_millis(5)).await;
            Ok(true)
        })
    }

    fn remove<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}

/// A store may have dropped the entry of a used state by then.
#[tokio::test]
async fn a_state_that_expires_while_it_is_looked_up_is_refused() {
    let count = Arc::default();
    let mut limits = Limits::default();
    limits.answer_timeout = Duration::from_millis(200);
    let server = counting(&count).limits(limits).single_use_state(Slow);
    let caller = Caller::of(server).await;
    let outcome = reply(&caller, &caller.call().await).await;
    let Err(ClientError::Rpc { code, message, .. }) = outcome else {
        panic!("the state was accepted");
    };
    assert_eq!(code, INVALID_PARAMS);
    assert!(message.contains("used before"), "{message}");
}

/// A store that replicas share, if they can reach it.
#[derive(Clone)]
struct Shared(Option<Arc<MemoryStore>>);

impl Shared {
    async fn reach(&self) -> Result<&MemoryStore, Box<dyn Error + Send + Sync>> {
        tokio::task::yield_now().await;
        let store = self.0.as_deref();
        store.ok_or_else(|| "a secret address is unreachable".into())
    }
}

impl Store for Shared {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.reach().await?.get(key).await })
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        Box::pin(async move { self.reach().await?.put_if_absent(key, entry).await })
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.reach().await?.remove(key).await })
    }
}

#[tokio::test]
async fn replicas_with_one_memory_serve_a_state_once() {
    let count = Arc::default();
    let memory = Shared(Some(Arc::default()));
    let replica = |memory: &Shared| {
        let server = counting(&count).session_keys([[1; 32]]);
        Caller::of(server.single_use_state(memory.clone()))
    };
    let (one, other) = (replica(&memory).await, replica(&memory).await);
    let first = one.call().await;
    let second = reply(&other, &first).await.unwrap();
    assert_eq!(code(reply(&one, &first).await), INVALID_PARAMS);
    let cut_off = replica(&Shared(None)).await;
    let Err(error) = reply(&cut_off, &second).await else {
        panic!("the state was accepted without its store");
    };
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(code(Err(error)), INTERNAL_ERROR);
    assert!(reply(&one, &second).await.is_ok());
    assert_eq!(code(reply(&other, &second).await), INVALID_PARAMS);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
