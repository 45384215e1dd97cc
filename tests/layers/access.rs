//! An access check by principal, for calls and lists.

use mcp_runtime::prelude::*;
use mcp_runtime::{CallKind, CallOutcome, LayeredCall, Next};
use serde_json::json;

use super::peer::{ERAS, Peer};

/// Delete all data.
#[tool]
async fn delete_all() -> &'static str {
    "deleted"
}

/// Count the data.
#[tool]
async fn count() -> &'static str {
    "counted"
}

async fn check_access(call: LayeredCall, next: Next) -> CallOutcome {
    let principal = call.context().principal();
    if principal.is_some_and(|it| it.id() == "admin") {
        return next.run().await;
    }
    if call.kind() == CallKind::List {
        let mut outcome = next.run().await;
        outcome.retain_definitions(|it| it["name"] != "delete_all");
        assert_eq!(outcome.definitions().len(), 1);
        return outcome;
    }
    if call.name() == "delete_all" {
        return call.refuse(ToolError::new("only the administrator may delete"));
    }
    next.run().await
}

#[tokio::test]
async fn callers_see_and_call_what_they_may() {
    let server = Server::new("access", "1").with(components![delete_all, count]);
    let service = server.layer(check_access).into_service().await.unwrap();
    for era in ERAS {
        for (principal, tools, deleted) in [
            (Some("admin"), 2, "deleted"),
            (Some("ada"), 1, "only the administrator may delete"),
            (None, 1, "only the administrator may delete"),
        ] {
            let peer = Peer::over(&service, era, principal).await;
            let reply = peer.ask("tools/list", json!({})).await;
            let listed = reply["result"]["tools"].as_array().unwrap();
            assert_eq!(listed.len(), tools, "{principal:?}");
            let reply = peer.call("delete_all", json!({})).await;
            assert_eq!(reply["result"]["content"][0]["text"], deleted);
            let reply = peer.call("count", json!({})).await;
            assert_eq!(reply["result"]["content"][0]["text"], "counted");
        }
    }
}
