//! The layer `ResponseCache` together with other layers.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use mcp_runtime::prelude::*;
use mcp_runtime::{
    CacheScope, CallOutcome, ConcurrencyLimit, Layer as _, LayeredCall, Next, Resource,
    ResponseCache, ResponseLimit, Tool,
};
use serde_json::{Value, json};

use super::cache::{Count, LONG, read, result};
use super::peer::{ERAS, Peer, Transport};

/// A gate that a call waits at.
#[derive(Default)]
struct Gate(tokio::sync::Notify);

/// Keep the only place of a limit.
#[tool]
async fn occupy(gate: State<Gate>) {
    gate.0.notified().await;
}

/// Leave the place.
#[tool]
async fn release(gate: State<Gate>) {
    gate.0.notify_one();
}

/// Polls a future once.
async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

/// The limit of the test, for all calls but that of `release`.
async fn limited(call: LayeredCall, next: Next, limit: ConcurrencyLimit) -> CallOutcome {
    if call.name() == "release" {
        return next.run().await;
    }
    limit.serve(call, next).await
}

#[tokio::test]
async fn what_was_looked_up_before_a_change_is_not_kept() {
    for era in ERAS {
        for request in [("tools/list", json!({})), read("made://it")] {
            let limit = ConcurrencyLimit::new(1);
            let made = |text: &'static str| {
                let read = move |_: Value, _: Context| async move { text };
                Resource::new("made://it", "it", read).cache(LONG, CacheScope::Public)
            };
            let server = Server::new("cache", "1")
                .with(components![occupy, release])
                .with(made("old"))
                .state(Gate::default())
                .cache(LONG, CacheScope::Public)
                .layer(move |call: LayeredCall, next: Next| limited(call, next, limit.clone()))
                .layer(ResponseCache::new());
            let handle = server.handle();
            let peer = Peer::connect(server, Transport::Memory, era).await;
            let mut occupying = Box::pin(peer.call("occupy", json!({})));
            assert!(is_pending(occupying.as_mut()).await);
            let mut waiting = Box::pin(result(&peer, &request));
            assert!(is_pending(waiting.as_mut()).await, "it waits for the limit");
            handle.remove_resource("made://it");
            handle.add(made("new")).unwrap();
            let new = Tool::new("new", json!({ "type": "object" }), |_, _| async { "new" });
            handle.add(new).unwrap();
            peer.call("release", json!({})).await;
            occupying.await;
            let before = waiting.await.to_string();
            let after = result(&peer, &request).await.to_string();
            assert!(
                before.contains("release") || before.contains("old"),
                "{before}"
            );
            assert!(!before.contains("new"), "{before}");
            assert!(after.contains("new"), "{era:?} {after}");
            assert_eq!(after, result(&peer, &request).await.to_string());
        }
    }
}

/// Return a long text with a number.
#[tool(read_only)]
async fn long(count: State<Count>) -> String {
    format!("{:0100}", count.next())
}

#[tokio::test]
async fn each_caller_receives_a_link_of_its_own() {
    for era in ERAS {
        for scope in [CacheScope::Public, CacheScope::Private] {
            for is_cache_outside in [true, false] {
                let cache = ResponseCache::new().results(LONG, scope);
                let (limit, spilled) = ResponseLimit::new(50).spill(LONG);
                let server = Server::new("cache", "1")
                    .with(components![long])
                    .with(spilled)
                    .state(Count::default());
                let server = if is_cache_outside {
                    server.layer(cache).layer(limit)
                } else {
                    server.layer(limit).layer(cache)
                };
                let service = server.into_service().await.unwrap();
                let mut texts = Vec::new();
                let mut links = Vec::new();
                for caller in ["ada", "bob", "ada"] {
                    let peer = Peer::over(&service, era, Some(caller)).await;
                    let reply = peer.call("long", json!({})).await;
                    let uri = reply["result"]["content"][1]["uri"].as_str().unwrap();
                    let read = peer.ask("resources/read", json!({ "uri": uri })).await;
                    let text = read["result"]["contents"][0]["text"].as_str().expect(uri);
                    texts.push(text.to_owned());
                    assert!(!links.contains(&uri.to_owned()), "{uri}");
                    links.push(uri.to_owned());
                }
                // The result itself is kept if the cache is inside.
                let is_shared = !is_cache_outside && scope == CacheScope::Public;
                assert_eq!(texts[0] == texts[1], is_shared, "{scope:?}");
                assert_eq!(texts[0] == texts[2], !is_cache_outside, "{scope:?}");
            }
        }
    }
}
