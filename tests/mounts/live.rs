//! Changes of mounted servers while they run, and the notifications of their handles and handlers.

use mcp_runtime::prelude::*;
use mcp_runtime::{Completion, Prompt, PromptArgument, Resource, ServerHandle, Tool};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::wires::{ALL, ERAS, Host, Over, Who};
use crate::{WAYS, inner, outer};

async fn made(_: Value, _: Context) -> &'static str {
    "made"
}

fn tool(name: &str) -> Tool {
    Tool::new(name, json!({ "type": "object" }), made)
}

fn everything() -> Value {
    json!({ "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true })
}

/// Adds and removes a component of each kind.
fn change(handle: &ServerHandle) {
    handle.add(tool("late")).unwrap();
    handle.add(Prompt::new("late", [], made)).unwrap();
    handle
        .add(Resource::new("db://late", "late", made))
        .unwrap();
}

#[tokio::test]
async fn what_a_mounted_server_adds_and_removes_is_seen_and_announced() {
    for way in &WAYS {
        for over in ALL {
            for era in ERAS {
                let inner = inner();
                let handle = inner.handle();
                let host = Host::of((way.server)(inner), over).await;
                let caller = host.caller(era, Who::default()).await;
                caller.listen(everything()).await;
                let (late, uri) = (
                    format!("{}late", way.names),
                    format!("db://{}late", way.uris),
                );
                assert!(caller.call(&late, json!({})).await.is_err());
                change(&handle);
                let changes = caller
                    .changes_until("notifications/resources/list_changed")
                    .await;
                assert_eq!(changes, ["tools", "prompts", "resources"], "{}", way.what);
                assert_eq!(
                    caller.call(&late, json!({})).await.unwrap(),
                    "made",
                    "{}",
                    way.what
                );
                let read = caller
                    .request("resources/read", json!({ "uri": uri }))
                    .await;
                assert_eq!(
                    read.unwrap()["contents"][0]["uri"],
                    uri.as_str(),
                    "{}",
                    way.what
                );
                assert!(handle.remove_tool("late") && !handle.remove_tool("late"));
                assert!(handle.remove_prompt("late"));
                assert!(handle.remove_resource("db://late"));
                let changes = caller
                    .changes_until("notifications/resources/list_changed")
                    .await;
                assert_eq!(changes, ["tools", "prompts", "resources"], "{}", way.what);
                assert!(caller.call(&late, json!({})).await.is_err(), "{}", way.what);
                assert!(
                    caller
                        .request("resources/read", json!({ "uri": uri }))
                        .await
                        .is_err()
                );
            }
        }
    }
}

/// Report that resources have changed.
#[tool]
async fn update(uri: String, context: Context) {
    context.notify().resource_updated(uri);
    context.notify().tools_changed();
}

#[tokio::test]
async fn updates_of_a_mounted_server_reach_the_subscribers_of_the_outer_uri() {
    for way in &WAYS {
        for over in ALL {
            for era in ERAS {
                let inner = inner().with(components![update]);
                let handle = inner.handle();
                let host = Host::of((way.server)(inner), over).await;
                let caller = host.caller(era, Who::default()).await;
                let (cities, row) = (
                    format!("db://{}cities", way.uris),
                    format!("db://{}row/7", way.uris),
                );
                if era == ERAS[0] {
                    for uri in [&cities, &row] {
                        let params = json!({ "uri": uri });
                        caller.request("resources/subscribe", params).await.unwrap();
                    }
                    if over == Over::Http {
                        caller.listen(json!({})).await;
                    }
                } else {
                    let filter =
                        json!({ "resourceSubscriptions": [cities, row], "toolsListChanged": true });
                    caller.listen(filter).await;
                }
                let notifier = handle.notify().unwrap();
                notifier.resource_updated("db://cities");
                notifier.resource_updated("db://row/7");
                notifier.resource_updated("db://row/8");
                notifier.tools_changed();
                let changes = caller
                    .changes_until("notifications/tools/list_changed")
                    .await;
                assert_eq!(
                    changes,
                    [cities.as_str(), &row, "tools"],
                    "{} {over:?}",
                    way.what
                );
                // A handler notifies in the same way.
                let tool = format!("{}update", way.names);
                caller
                    .call(&tool, json!({ "uri": "db://row/7" }))
                    .await
                    .unwrap();
                let changes = caller
                    .changes_until("notifications/tools/list_changed")
                    .await;
                assert_eq!(changes, [row.as_str(), "tools"], "{} {over:?}", way.what);
            }
        }
    }
}

#[tokio::test]
async fn a_component_that_conflicts_in_the_outer_server_is_not_added() {
    let (inner, outer) = (inner(), outer().with(tool("a_b_late")));
    let handle = inner.handle();
    let middle = Server::new("middle", "1").with(tool("t"));
    let client = outer.mount("a", middle.mount("b", inner)).connect().await;
    let before = client.tools().await.unwrap().len();
    let error = handle.add(tool("late")).unwrap_err().to_string();
    let expected = "two tools are called `a_b_late`, one of the server itself and `b_late` of the mounted server `middle`";
    assert!(error.contains(expected), "{error}");
    assert_eq!(client.tools().await.unwrap().len(), before);
    // It is in none of the servers, so that it can be added once the other one is gone.
    assert!(!handle.remove_tool("late"));
    handle.add(tool("other")).unwrap();
    assert_eq!(client.tools().await.unwrap().len(), before + 1);
}

#[tokio::test]
async fn the_outer_handle_removes_mounted_components_from_the_outer_server() {
    let (inner, outer) = (inner(), outer());
    let (inner_handle, outer_handle) = (inner.handle(), outer.handle());
    let client = outer.mount("a", inner).connect().await;
    assert!(outer_handle.remove_tool("a_whoami"));
    assert!(client.call("a_whoami", json!({})).await.is_err());
    // A component of the outer server in its place is not removed with it.
    outer_handle.add(tool("a_whoami")).unwrap();
    assert!(inner_handle.remove_tool("whoami"));
    assert_eq!(
        client.call("a_whoami", json!({})).await.unwrap().text(),
        "made"
    );
}

#[tokio::test]
async fn a_mounted_server_is_ready_and_stops_with_the_outer_one() {
    let inner = inner();
    let handle = inner.handle();
    assert!(handle.add(tool("early")).is_err() && !handle.is_ready());
    let outer = outer().mount("a", inner);
    let outer_handle = outer.handle();
    let running = outer.start().await.unwrap();
    assert!(handle.is_ready() && outer_handle.is_ready());
    handle.stop().await;
    assert!(!handle.is_ready() && !outer_handle.is_ready());
    drop(running);
}

#[tokio::test]
async fn completions_that_are_added_late_are_offered() {
    async fn colors(_: Completion) -> Vec<&'static str> {
        vec!["red"]
    }

    let inner = Server::new("inner", "1").with(tool("t"));
    let handle = inner.handle();
    let client = outer().mount("a", inner).connect().await;
    let argument = PromptArgument::new("color").complete(colors);
    handle.add(Prompt::new("paint", [argument], made)).unwrap();
    assert_eq!(
        client
            .complete("a_paint", "color", "")
            .await
            .unwrap()
            .values,
        ["red"]
    );
}

#[tokio::test]
async fn a_listener_hears_of_no_component_that_the_rules_of_a_mounted_server_hide() {
    for over in ALL {
        for era in ERAS {
            // The rule has the name in its server, and not that in the outer one.
            let inner = inner().visible(|_, component| component.name() != "secret");
            let handle = inner.handle();
            let host = Host::of(outer().mount("a", inner), over).await;
            let caller = host.caller(era, Who::default()).await;
            caller.listen(everything()).await;
            handle.add(tool("secret")).unwrap();
            handle.add(Prompt::new("late", [], made)).unwrap();
            let changes = caller
                .changes_until("notifications/prompts/list_changed")
                .await;
            assert_eq!(changes, ["prompts"], "{over:?}");
            assert!(caller.call("a_secret", json!({})).await.is_err());
            assert!(handle.remove_tool("secret") && handle.remove_prompt("late"));
            let changes = caller
                .changes_until("notifications/prompts/list_changed")
                .await;
            assert_eq!(changes, ["prompts"], "{over:?}");
        }
    }
}
