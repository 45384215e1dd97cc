//! The limits of a mounted server, which apply beside those of the outer one.

use std::sync::Arc;

use mcp_runtime::prelude::*;
use mcp_runtime::{ConcurrencyLimit, Limits, RateLimit};
use mcp_tests::client::Connect as _;
use serde_json::json;
use tokio::sync::Semaphore;

/// Wait until the test goes on.
#[tool]
async fn hold(gate: State<Semaphore>) -> &'static str {
    gate.acquire().await.unwrap().forget();
    "done"
}

/// Return at once.
#[tool]
async fn quick() -> &'static str {
    "quick"
}

fn server(name: &str, requests: usize, gate: &Arc<Semaphore>) -> Server {
    let mut limits = Limits::default();
    limits.requests = requests;
    let server = Server::new(name, "1").with(components![hold, quick]);
    server.shared_state(Arc::clone(gate)).limits(limits)
}

#[tokio::test]
async fn the_limit_of_requests_is_that_of_both_servers() {
    // The limits of the outer, the middle and the inner server, and the number of calls of the inner one that run.
    for (limits, running) in [([9, 9, 2], 2), ([9, 1, 9], 1), ([1, 9, 9], 1)] {
        let gate = Arc::new(Semaphore::new(0));
        let [outer, middle, inner] = limits;
        let inner = server("inner", inner, &gate);
        let middle = server("middle", middle, &gate).mount("b", inner);
        let client = Arc::new(
            server("outer", outer, &gate)
                .mount("a", middle)
                .connect()
                .await,
        );
        let call = || {
            let client = Arc::clone(&client);
            tokio::spawn(async move { client.call("a_b_hold", json!({})).await })
        };
        let calls: Vec<_> = (0..running).map(|_| call()).collect();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let refused = client
            .call("a_b_quick", json!({}))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("The server is busy"),
            "{limits:?}: {refused}"
        );
        let own = client.call("quick", json!({})).await;
        assert_eq!(own.is_ok(), outer > running, "{limits:?}");
        gate.add_permits(running);
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap().text(), "done");
        }
        assert_eq!(
            client.call("a_b_quick", json!({})).await.unwrap().text(),
            "quick"
        );
    }
}

#[tokio::test]
async fn layers_that_limit_count_the_calls_of_their_server() {
    let gate = Arc::new(Semaphore::new(0));
    let inner = server("inner", 9, &gate).layer(ConcurrencyLimit::new(1));
    let client = Arc::new(server("outer", 9, &gate).mount("a", inner).connect().await);
    let holds = {
        let client = Arc::clone(&client);
        tokio::spawn(async move { client.call("a_hold", json!({})).await })
    };
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let waits = {
        let client = Arc::clone(&client);
        tokio::spawn(async move { client.call("a_quick", json!({})).await })
    };
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!waits.is_finished());
    assert_eq!(
        client.call("quick", json!({})).await.unwrap().text(),
        "quick"
    );
    gate.add_permits(1);
    assert_eq!(holds.await.unwrap().unwrap().text(), "done");
    assert_eq!(waits.await.unwrap().unwrap().text(), "quick");
}

#[tokio::test]
async fn the_rate_limit_of_a_mounted_server_applies_to_its_calls() {
    let gate = Arc::new(Semaphore::new(0));
    let inner = server("inner", 9, &gate).rate_limit(RateLimit::per_minute(1).burst(1));
    let client = server("outer", 9, &gate).mount("a", inner).connect().await;
    assert_eq!(
        client.call("a_quick", json!({})).await.unwrap().text(),
        "quick"
    );
    assert!(client.call("a_quick", json!({})).await.unwrap().is_error());
    for _ in 0..3 {
        assert_eq!(
            client.call("quick", json!({})).await.unwrap().text(),
            "quick"
        );
    }
}
