//! Components that are added and removed while the server runs.

use mcp_runtime::{Transform, prelude::*};
use serde_json::json;

use crate::wires::{ALL, ERAS, Host, Who};
use crate::{WAYS, echo, inner};

fn tool(name: &str) -> mcp_runtime::Tool {
    let schema = json!({
        "type": "object",
        "properties": { "repo": { "type": "string" } },
        "required": ["repo"],
    });
    mcp_runtime::Tool::new(name, schema, echo).tag("public")
}

fn later(names: &str, _: &str) -> Vec<Transform> {
    vec![
        Transform::filter(|component| component.has_tag("public")),
        Transform::tool(format!("{names}late"))
            .rename("new")
            .fix_argument("repo", "r")
            .later()
            .into(),
    ]
}

#[tokio::test]
async fn components_that_are_added_later_are_transformed() {
    for way in &WAYS {
        for over in ALL {
            for era in ERAS {
                let inner = inner();
                let handle = inner.handle();
                let host = Host::of((way.server)(inner, later), over).await;
                let caller = host.caller(era, Who::default()).await;
                caller.listen(json!({ "toolsListChanged": true })).await;
                // Nobody sees this one, so that nobody is told.
                handle.add(tool("secret").tag("x")).unwrap();
                handle
                    .add(mcp_runtime::Tool::new(
                        "untagged",
                        json!({ "type": "object" }),
                        echo,
                    ))
                    .unwrap();
                handle.add(tool("late")).unwrap();
                let changes = caller
                    .changes_until("notifications/tools/list_changed")
                    .await;
                assert!(changes.len() <= 2, "{}: {changes:?}", way.what);
                let text = caller.call("new", json!({})).await.unwrap();
                assert_eq!(text, "{\"repo\":\"r\"}", "{}", way.what);
                assert!(
                    caller.call("untagged", json!({})).await.is_err(),
                    "{}",
                    way.what
                );
                // A server has its own names: the mounted server still has the old one.
                let own = if matches!(way.what, "mounted" | "nested") {
                    "late"
                } else {
                    "new"
                };
                assert!(handle.remove_tool(own), "{}", way.what);
                caller
                    .changes_until("notifications/tools/list_changed")
                    .await;
                assert!(caller.call("new", json!({})).await.is_err(), "{}", way.what);
            }
        }
    }
}

#[tokio::test]
async fn rules_about_changes_have_the_new_names() {
    for over in ALL {
        for era in ERAS {
            let inner = inner();
            let handle = inner.handle();
            let server = Server::new("outer", "1")
                .mount("a", inner)
                .transform(Transform::tool("a_hidden").rename("shown").later())
                .transform(Transform::tool("a_shown").rename("hidden").later())
                .visible(|_, component| component.name() != "hidden");
            let host = Host::of(server, over).await;
            let caller = host.caller(era, Who::default()).await;
            caller
                .listen(json!({ "toolsListChanged": true, "promptsListChanged": true }))
                .await;
            handle.add(tool("shown")).unwrap();
            handle.add(crate::prompt("late")).unwrap();
            let changes = caller
                .changes_until("notifications/prompts/list_changed")
                .await;
            assert_eq!(changes, ["prompts"], "{over:?}");
            handle.add(tool("hidden")).unwrap();
            let changes = caller
                .changes_until("notifications/tools/list_changed")
                .await;
            assert_eq!(changes, ["tools"], "{over:?}");
        }
    }
}

#[tokio::test]
async fn a_component_that_a_transform_does_not_fit_is_not_added() {
    let inner = inner();
    let handle = inner.handle();
    let server = Server::new("outer", "1")
        .mount("a", inner)
        .transform(Transform::tool("a_late").fix_argument("other", 7).later());
    let client = server.client().await;
    let error = handle.add(tool("late")).unwrap_err().to_string();
    assert!(
        error.contains("the transform of tool `a_late`: the argument `other` does not exist"),
        "{error}"
    );
    let tools = client.tools().await.unwrap();
    assert!(tools.iter().all(|it| it["name"] != "a_late"));
    handle.add(tool("other")).unwrap();
    assert!(client.call("a_other", json!({ "repo": "x" })).await.is_ok());
}
