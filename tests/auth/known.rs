//! Callers that a way of authentication knows already.

use std::future::ready;
use std::sync::Arc;
use std::time::SystemTime;

use mcp_runtime::{AuthFuture, Authenticate, Credentials, Identity, Principal, Revision};
use serde_json::json;

use crate::fixture::components;
use crate::http::{Client, Reply, bearer, start};

/// Knows callers without asking anybody.
struct Known;

impl Authenticate for Known {
    fn authenticate<'a>(&'a self, _: &'a Credentials<'a>) -> AuthFuture<'a> {
        Box::pin(ready(Ok(None)))
    }

    fn known(&self, credentials: &Credentials<'_>) -> Option<Arc<Identity>> {
        let mut identity = Identity::new(Principal::new("known"));
        match credentials.bearer()? {
            "known" => {}
            "expired" => identity.expires = Some(SystemTime::now()),
            "panicking" => panic!("a mistake"),
            _ => return None,
        }
        Some(Arc::new(identity))
    }
}

/// Takes everybody for the same caller.
struct Everybody;

impl Authenticate for Everybody {
    fn authenticate<'a>(&'a self, _: &'a Credentials<'a>) -> AuthFuture<'a> {
        let identity = Identity::new(Principal::new("everybody"));
        Box::pin(ready(Ok(Some(identity))))
    }
}

async fn who(client: &Client, token: &str) -> Reply {
    let call = json!({ "name": "who", "arguments": {} });
    client.request("tools/call", call, &[bearer(token)]).await
}

#[tokio::test]
async fn a_known_caller_is_checked_like_any_other() {
    let address = start(components().auth(Known)).await;
    let client = Client::new(address, Revision::LATEST, "known").await;
    for (token, status) in [
        ("known", 200),
        ("expired", 401),
        ("panicking", 503),
        ("unknown", 401),
    ] {
        let reply = who(&client, token).await;
        assert_eq!(reply.status, status, "{token}: {reply:?}");
    }
}

#[tokio::test]
async fn the_first_way_decides_also_if_the_second_knows_the_caller() {
    let both = [
        (components().auth(Known).auth(Everybody), "known"),
        (components().auth(Everybody).auth(Known), "everybody"),
    ];
    for (server, caller) in both {
        let address = start(server).await;
        let client = Client::new(address, Revision::LATEST, "known").await;
        let reply = who(&client, "known").await;
        assert!(reply.body.contains(caller), "{reply:?}");
    }
}
