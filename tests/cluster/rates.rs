//! Rate limits that several replicas count together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use mcp_runtime::prelude::*;
use mcp_runtime::{ClientError, Principal, RateLimit, Revision, Store, Tool};
use mcp_tests::client::{Client, Connect as _};
use mcp_tests::stores::{Away, Faulty, Late, Shared, Slow};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// The calls that each limit here allows at once. A further one is allowed after minutes.
const BURST: usize = 4;

fn limit() -> RateLimit {
    RateLimit::per_hour(u32::try_from(BURST).unwrap())
}

fn tool(name: &str) -> Tool {
    let schema = json!({ "type": "object" });
    Tool::new(name, schema, |_: Value, _: Context| async { "done" })
}

/// Where a server has its limit.
const PLACES: [&str; 5] = [
    "the requests",
    "a layer of the server",
    "a layer of a component",
    "a named limit of two components",
    "a mounted server",
];

/// Returns a server with the tools `one` and `other`, and a limit in one of the places.
fn server(place: &str) -> Server {
    let plain = Server::new("app", "1.0.0")
        .with(tool("one"))
        .with(tool("other"));
    match place {
        "the requests" => plain.rate_limit(limit()),
        "a layer of the server" => plain.layer(limit()),
        "a layer of a component" => Server::new("app", "1.0.0")
            .with(tool("one").layer(limit()))
            .with(tool("other")),
        "a named limit of two components" => Server::new("app", "1.0.0")
            .with(tool("one").layer(limit().named("both")))
            .with(tool("other").layer(limit().named("both"))),
        "a mounted server" => {
            let outer = Server::new("outer", "1.0.0");
            outer.mount_without_prefix(plain.rate_limit(limit()))
        }
        other => panic!("{other}"),
    }
}

async fn client(server: Server, store: impl Store, name: &str) -> Client {
    let server = server.cluster(store);
    server
        .connect()
        .principal(Principal::new(name.to_owned()))
        .await
}

/// Calls a tool, and returns the text of the refusal.
async fn call(client: &Client, tool: &str) -> Result<(), String> {
    match client.call(tool, json!({})).await {
        Ok(reply) if reply.is_error() => Err(reply.text()),
        Ok(_) => Ok(()),
        Err(ClientError::Rpc { code, message, .. }) => {
            assert_eq!(code, -32603);
            Err(message)
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_caller_has_one_limit_at_all_replicas() {
    for place in PLACES {
        let store = Shared::default();
        let mut replicas = Vec::new();
        for _ in 0..3 {
            replicas.push(client(server(place), Arc::clone(&store), "ada").await);
        }
        for number in 0..BURST {
            let replica = &replicas[number % replicas.len()];
            assert_eq!(call(replica, "one").await, Ok(()), "{place} {number}");
        }
        for replica in &replicas {
            for _ in 0..2 {
                let refused = call(replica, "one").await.expect_err(place);
                assert!(refused.starts_with("Too many "), "{place}: {refused}");
            }
            let is_own = place == "a layer of a component";
            assert_eq!(call(replica, "other").await.is_ok(), is_own, "{place}");
        }
        let other = client(server(place), store, "bob").await;
        assert_eq!(call(&other, "one").await, Ok(()), "{place}: another caller");
    }
}

#[tokio::test]
async fn the_limit_holds_in_both_eras() {
    for revision in [Revision::LATEST, Revision::V2025_11_25] {
        let store = Shared::default();
        let mut allowed = 0;
        for _ in 0..2 {
            let limited = server("the requests").cluster(Arc::clone(&store));
            let caller = Principal::new("ada");
            let client = limited.connect().revision(revision).principal(caller).await;
            for _ in 0..=BURST {
                allowed += usize::from(call(&client, "one").await.is_ok());
            }
        }
        // The handshake counts, too, once at each replica.
        let handshakes = if revision == Revision::LATEST { 0 } else { 2 };
        assert!(
            allowed + handshakes >= BURST - 1 && allowed <= BURST,
            "{revision:?} {allowed}"
        );
    }
}

#[tokio::test]
async fn concurrent_calls_at_a_slow_store_do_not_exceed_the_limit() {
    let store = Faulty::from(Late);
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(client(server("the requests"), store.clone(), "ada").await);
    }
    let calls = (0..3 * BURST).map(|number| call(&replicas[number % 3], "one"));
    let results = join_all(calls).await;
    let allowed = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(allowed, BURST, "{results:?}");
}

#[tokio::test]
async fn without_the_store_limited_calls_are_refused() {
    for place in PLACES {
        let store = Faulty::from(Away::default());
        let replica = client(server(place), store.clone(), "ada").await;
        store.fault.set(true);
        for _ in 0..BURST {
            let refused = call(&replica, "one").await.expect_err(place);
            assert!(
                refused.contains("the store of the replicas failed"),
                "{refused}"
            );
        }
        // The limit of the process needs no store.
        let refused = call(&replica, "one").await.expect_err(place);
        assert!(refused.starts_with("Too many "), "{place}: {refused}");
        store.fault.set(false);
        let other = client(server(place), store, "ada").await;
        assert_eq!(
            call(&other, "one").await,
            Ok(()),
            "{place}: nothing was counted"
        );
    }
}

#[tokio::test]
async fn calls_without_a_limit_need_no_store() {
    let store = Faulty::from(Away::default());
    let plain = || Server::new("app", "1.0.0").with(tool("one"));
    for server in [plain(), plain().rate_limit(RateLimit::unlimited())] {
        let replica = client(server, store.clone(), "ada").await;
        store.fault.set(true);
        assert_eq!(call(&replica, "one").await, Ok(()));
        store.fault.set(false);
    }
}

#[tokio::test]
async fn a_request_that_is_cancelled_before_it_is_counted_does_not_start() {
    // Two permits are for the keys of the replicas, and for the value that says that this one is alive.
    let (permits, runs) = (Arc::new(Semaphore::new(2)), Arc::new(AtomicU32::new(0)));
    let store = Faulty::from(Slow(Arc::clone(&permits)));
    let count = Arc::clone(&runs);
    let counts = move |_: Value, _: Context| {
        count.fetch_add(1, Ordering::SeqCst);
        async { "done" }
    };
    let tool = Tool::new("one", json!({ "type": "object" }), counts);
    let server = Server::new("app", "1.0.0").with(tool).rate_limit(limit());
    let replica = client(server, store, "ada").await;
    let cancelled = tokio::time::timeout(Duration::from_millis(50), call(&replica, "one")).await;
    assert!(cancelled.is_err());
    permits.add_permits(100);
    assert_eq!(call(&replica, "one").await, Ok(()));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}
