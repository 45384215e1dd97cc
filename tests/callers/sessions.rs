//! Data of sessions and principals: isolation, limits, expiry and stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{Limits, MemoryStore, Principal, Revision, Store, StoreEntry, StoreFuture};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::wires::{ALL, Host, Over, Who, header, principal};

const LEGACY: [Revision; 4] = [
    Revision::V2024_11_05,
    Revision::V2025_03_26,
    Revision::V2025_06_18,
    Revision::V2025_11_25,
];

/// Return the id of the session.
#[tool]
async fn id(context: Context) -> Result<String, ToolError> {
    Ok(context.session()?.id().to_owned())
}

/// Return a value.
#[tool]
async fn get(key: String, context: Context) -> Result<String, ToolError> {
    let value: Option<Value> = context.session()?.get(&key).await?;
    Ok(json!(value).to_string())
}

/// Set a value.
#[tool]
async fn set(
    key: String,
    value: serde_json::Map<String, Value>,
    context: Context,
) -> Result<(), ToolError> {
    context.session()?.set(&key, &value["it"]).await
}

/// Remove a value.
#[tool]
async fn remove(key: String, context: Context) -> Result<(), ToolError> {
    context.session()?.remove(&key).await
}

/// Return a value as a number.
#[tool]
async fn number(key: String, context: Context) -> Result<String, ToolError> {
    let number: Option<u8> = context.session()?.get(&key).await?;
    Ok(format!("{number:?}"))
}

/// Store a number that JSON cannot represent.
#[tool]
async fn infinite(context: Context) -> Result<(), ToolError> {
    context.session()?.set("x", &f64::INFINITY).await
}

fn server() -> Server {
    Server::new("x", "1").with(components![id, get, set, remove, number, infinite])
}

fn value(key: &str, value: impl Into<Value>) -> Value {
    json!({ "key": key, "value": { "it": value.into() } })
}

fn key(key: &str) -> Value {
    json!({ "key": key })
}

#[tokio::test]
async fn each_session_has_its_data_until_it_ends() {
    for over in ALL {
        let host = Host::of(server(), over).await;
        for revision in LEGACY {
            let one = host.caller(revision, Who::default()).await;
            let other = host.caller(revision, Who::default()).await;
            assert_eq!(one.call("get", key("a")).await.unwrap(), "null");
            one.call("set", value("a", 1)).await.unwrap();
            other.call("set", value("a", json!([null]))).await.unwrap();
            one.call("set", value("b", "x")).await.unwrap();
            assert_eq!(one.call("get", key("a")).await.unwrap(), "1");
            assert_eq!(one.call("number", key("a")).await.unwrap(), "Some(1)");
            assert_eq!(other.call("get", key("a")).await.unwrap(), "[null]");
            assert_eq!(other.call("get", key("b")).await.unwrap(), "null");
            one.call("remove", key("a")).await.unwrap();
            one.call("remove", key("nothing")).await.unwrap();
            assert_eq!(one.call("get", key("a")).await.unwrap(), "null");
            assert_eq!(one.call("get", key("b")).await.unwrap(), "\"x\"");
            let ids = [
                one.call("id", json!({})).await,
                other.call("id", json!({})).await,
            ];
            let [Ok(first), Ok(second)] = ids else {
                panic!("{ids:?}");
            };
            assert_eq!(first, one.call("id", json!({})).await.unwrap());
            assert!(first != second && first.len() == 32, "{first} {second}");
        }
    }
}

#[tokio::test]
async fn without_sessions_the_principal_has_the_data() {
    let host = Host::of(server(), Over::Http).await;
    let long = "é".repeat(500);
    let long: &'static str = Box::leak(long.into_boxed_str());
    let mut ids = Vec::new();
    for name in ["ada", "Ada", "a/../b", "", long] {
        let caller = host.caller(Revision::LATEST, principal(name)).await;
        assert_eq!(
            caller.call("get", key("a")).await.unwrap(),
            "null",
            "{name}"
        );
        caller.call("set", value("a", name)).await.unwrap();
        ids.push(caller.call("id", json!({})).await.unwrap());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    for name in ["ada", "Ada", "a/../b", "", long] {
        let caller = host.caller(Revision::LATEST, principal(name)).await;
        let expected = json!(name).to_string();
        assert_eq!(caller.call("get", key("a")).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn who_has_neither_a_session_nor_a_name_has_no_data() {
    let no_session = "This client has no session: its revision has none, and no layer around the server has authenticated it";
    let host = Host::of(server(), Over::Http).await;
    let caller = host.caller(Revision::LATEST, Who::default()).await;
    for (tool, arguments) in [("id", json!({})), ("get", key("a")), ("set", value("a", 1))] {
        assert_eq!(caller.call(tool, arguments).await.unwrap_err(), no_session);
    }
    // A header is no proof of an identity.
    let caller = host.caller(Revision::LATEST, header("X-User", "ada")).await;
    assert_eq!(caller.call("id", json!({})).await.unwrap_err(), no_session);
}

#[tokio::test]
async fn a_connection_of_one_client_has_the_data() {
    let host = Host::of(server(), Over::Connection).await;
    let one = host.caller(Revision::LATEST, Who::default()).await;
    one.call("set", value("a", 1)).await.unwrap();
    let other = host.caller(Revision::LATEST, Who::default()).await;
    assert_eq!(one.call("get", key("a")).await.unwrap(), "1");
    assert_eq!(other.call("get", key("a")).await.unwrap(), "null");
    let ids = [&one, &other].map(|caller| caller.call("id", json!({})));
    let [first, second] = ids;
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(
        first != second && first.starts_with("connection-"),
        "{first} {second}"
    );
}

#[tokio::test]
async fn the_data_of_a_session_is_not_for_another_principal() {
    let host = Host::of(server(), Over::Http).await;
    let ada = host.caller(Revision::V2025_11_25, principal("ada")).await;
    ada.call("set", value("a", 1)).await.unwrap();
    let refused = "-32600: The session is unknown or has ended: send `initialize` again";
    for thief in [principal("eve"), Who::default()] {
        let thief = ada.with(thief);
        for (tool, arguments) in [
            ("get", key("a")),
            ("set", value("a", 2)),
            ("remove", key("a")),
        ] {
            assert_eq!(thief.call(tool, arguments).await.unwrap_err(), refused);
        }
    }
    assert_eq!(ada.call("get", key("a")).await.unwrap(), "1");
    // A principal without a session has other data than in its sessions.
    let modern = host.caller(Revision::LATEST, principal("ada")).await;
    assert_eq!(modern.call("get", key("a")).await.unwrap(), "null");
}

#[tokio::test]
async fn number_and_size_of_values_are_limited() {
    let mut limits = Limits::default();
    limits.session_values = 3;
    limits.session_bytes = 100;
    let host = Host::of(server().limits(limits), Over::Connection).await;
    let caller = host.caller(Revision::V2025_11_25, Who::default()).await;
    for key in ["a", "b", "c"] {
        caller.call("set", value(key, 1)).await.unwrap();
    }
    let too_many = caller.call("set", value("d", 1)).await.unwrap_err();
    assert_eq!(
        too_many,
        "The session has more than 3 values, which is the limit: remove some"
    );
    // The three keys, `1`, `1` and a text with its quotes.
    caller
        .call("set", value("a", "x".repeat(93)))
        .await
        .unwrap();
    let too_long = caller
        .call("set", value("a", "x".repeat(94)))
        .await
        .unwrap_err();
    assert!(
        too_long.contains("more than 100 bytes, which is the limit"),
        "{too_long}"
    );
    let kept = caller.call("get", key("a")).await.unwrap();
    assert_eq!(kept, json!("x".repeat(93)).to_string());
    caller.call("remove", key("b")).await.unwrap();
    caller.call("set", value("d", 1)).await.unwrap();
    let infinite = caller.call("infinite", json!({})).await.unwrap_err();
    assert!(infinite.contains("inf"), "{infinite}");
    let other_type = caller.call("number", key("a")).await.unwrap_err();
    assert!(
        other_type.contains("the value `a` of the session has another type"),
        "{other_type}"
    );
}

#[tokio::test]
async fn a_full_store_refuses_new_sessions_and_keeps_the_old_ones() {
    let server = server().session_store(MemoryStore::new(2, 100_000));
    let host = Host::of(server, Over::Http).await;
    let revision = Revision::V2025_11_25;
    let (one, two, three) = (
        host.caller(revision, Who::default()).await,
        host.caller(revision, Who::default()).await,
        host.caller(revision, Who::default()).await,
    );
    one.call("set", value("a", 1)).await.unwrap();
    two.call("set", value("a", 2)).await.unwrap();
    let full = three.call("set", value("a", 3)).await.unwrap_err();
    assert_eq!(full, "the data of the session is not available");
    assert_eq!(one.call("get", key("a")).await.unwrap(), "1");
    // The end of a session frees its data.
    let ended = one.with(Who::default());
    one.end().await;
    three.call("set", value("a", 3)).await.unwrap();
    assert!(ended.call("get", key("a")).await.is_err());
    assert_eq!(two.call("get", key("a")).await.unwrap(), "2");
}

#[tokio::test]
async fn the_end_of_a_connection_ends_its_session() {
    let server = server().session_store(MemoryStore::new(1, 100_000));
    let host = Host::of(server, Over::Connection).await;
    let one = host.caller(Revision::V2025_11_25, Who::default()).await;
    let two = host.caller(Revision::V2025_11_25, Who::default()).await;
    one.call("set", value("a", 1)).await.unwrap();
    assert!(two.call("set", value("a", 2)).await.is_err());
    drop(one);
    for _ in 0..1000 {
        if two.call("set", value("a", 2)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the data of the first session is still stored");
}

#[tokio::test]
async fn data_expires_after_its_last_change() {
    let mut limits = Limits::default();
    limits.session_ttl = Duration::from_millis(300);
    let host = Host::of(server().limits(limits), Over::Http).await;
    for (revision, who) in [
        (Revision::V2025_11_25, Who::default()),
        (Revision::LATEST, principal("ada")),
    ] {
        let caller = host.caller(revision, who).await;
        for count in 0..4 {
            caller.call("set", value("a", count)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(120)).await;
            let kept = caller.call("get", key("a")).await.unwrap();
            assert_eq!(kept, count.to_string());
        }
        tokio::time::sleep(Duration::from_millis(350)).await;
        assert_eq!(caller.call("get", key("a")).await.unwrap(), "null");
        caller.call("set", value("a", 9)).await.unwrap();
    }
}

/// Add one to a value of its own.
#[tool]
async fn keep(key: u32, context: Context) -> Result<(), ToolError> {
    let session = context.session()?;
    tokio::task::yield_now().await;
    session.set(&key.to_string(), &key).await
}

/// Return the number of values.
#[tool]
async fn count(context: Context) -> Result<usize, ToolError> {
    let session = context.session()?;
    let mut count = 0;
    for key in 0..50 {
        let value: Option<u32> = session.get(&key.to_string()).await?;
        assert!(value.is_none_or(|value| value == key));
        count += usize::from(value.is_some());
    }
    Ok(count)
}

/// A store that yields before each operation, counts them, and fails on request.
#[derive(Clone, Default)]
struct Remote {
    memory: Arc<MemoryStore>,
    operations: Arc<AtomicUsize>,
    fails: Arc<std::sync::atomic::AtomicBool>,
}

impl Remote {
    async fn wait(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        tokio::task::yield_now().await;
        self.operations.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err("connection refused by 10.0.0.1".into());
        }
        Ok(())
    }
}

impl Store for Remote {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            self.wait().await?;
            self.memory.get(key).await
        })
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        assert!(
            key.len() <= 100
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        );
        Box::pin(async move {
            self.wait().await?;
            self.memory.put_if_absent(key, entry).await
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.wait().await?;
            self.memory.replace(key, old, entry).await
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.wait().await?;
            self.memory.remove(key).await
        })
    }
}

#[tokio::test]
async fn concurrent_changes_are_all_kept_in_any_store() {
    let remote = Remote::default();
    let server = server().with(components![keep, count]);
    let host = Host::of(server.session_store(remote.clone()), Over::Http).await;
    for (revision, who) in [
        (Revision::V2025_11_25, Who::default()),
        (Revision::LATEST, principal("ada")),
    ] {
        let caller = host.caller(revision, who).await;
        let caller = Arc::new(caller);
        let mut calls = tokio::task::JoinSet::new();
        for key in 0..50 {
            let caller = Arc::clone(&caller);
            calls.spawn(async move { caller.call("keep", json!({ "key": key })).await.unwrap() });
        }
        assert_eq!(calls.join_all().await.len(), 50);
        assert_eq!(caller.call("count", json!({})).await.unwrap(), "50");
    }
    // A store that waits removes the data of an ended session in a task.
    let ended = host.caller(Revision::V2025_11_25, Who::default()).await;
    ended.call("set", value("a", 1)).await.unwrap();
    let before = remote.operations.load(Ordering::SeqCst);
    ended.end().await;
    for _ in 0..1000 {
        if remote.operations.load(Ordering::SeqCst) > before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(remote.operations.load(Ordering::SeqCst), before + 1);
    // The reason of a failure is for the log.
    remote.fails.store(true, Ordering::SeqCst);
    let caller = host.caller(Revision::LATEST, principal("ada")).await;
    let failed = caller.call("get", key("a")).await.unwrap_err();
    assert_eq!(failed, "the data of the session is not available");
}

/// A store without `replace`.
struct Old(MemoryStore);

impl Store for Old {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        self.0.get(key)
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        self.0.put_if_absent(key, entry)
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        self.0.remove(key)
    }
}

#[tokio::test]
async fn a_store_that_cannot_replace_values_loses_none() {
    let server = server().session_store(Old(MemoryStore::default()));
    let client = server.connect().principal(Principal::new("ada")).await;
    client.call("set", value("a", 1)).await.unwrap();
    let second = client.call("set", value("a", 2)).await.unwrap();
    assert!(second.is_error());
    assert_eq!(client.call("get", key("a")).await.unwrap().text(), "1");
}
