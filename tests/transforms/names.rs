//! Filters, and changes of names, titles and descriptions.

use mcp_runtime::{CallOutcome, ComponentKind, LayeredCall, Next, Transform, prelude::*};
use mcp_tests::client::Connect as _;
use serde_json::json;

use crate::{everywhere, inner, keys, list};

fn renamed(names: &str, uris: &str) -> Vec<Transform> {
    vec![
        Transform::filter(|component| {
            component.has_tag("public") || component.kind() == ComponentKind::Resource
        }),
        Transform::tool(format!("{names}status"))
            .rename("changes")
            .title("Changes")
            .description("Show the wiki.")
            .into(),
        Transform::tool("changes").rename("diff").into(),
        Transform::tool(format!("{names}count")).remove().into(),
        Transform::tool(format!("{names}raw")).rename("raw").into(),
        Transform::prompt(format!("{names}greet"))
            .rename("hello")
            .description("Say hello.")
            .into(),
        Transform::prompt(format!("{names}write")).remove().into(),
        Transform::resource(format!("db://{uris}cities"))
            .rename("towns")
            .description("All towns.")
            .into(),
        Transform::resource(format!("db://{uris}row/{{id}}"))
            .remove()
            .into(),
    ]
}

#[tokio::test]
async fn clients_see_the_changed_names_only() {
    everywhere(renamed, async |way, caller| {
        let what = way.what;
        let tools = list(caller, "tools/list", "tools").await;
        assert_eq!(keys(&tools, "name"), ["diff", "raw"], "{what}");
        assert_eq!(tools[0]["description"], "Show the wiki.", "{what}");
        assert_eq!(tools[0]["title"], "Changes", "{what}");
        let arguments = json!({ "repo": "r", "depth": 1 });
        let called = caller.call("diff", arguments.clone()).await;
        assert_eq!(called.unwrap(), "r 1 None None", "{what}");
        for gone in [
            "status",
            "a_status",
            "a_b_status",
            "changes",
            "count",
            "wipe",
            "a_wipe",
        ] {
            let error = caller.call(gone, arguments.clone()).await.unwrap_err();
            assert_eq!(error, format!("-32602: Unknown tool: `{gone}`"), "{what}");
        }

        let prompts = list(caller, "prompts/list", "prompts").await;
        assert_eq!(keys(&prompts, "name"), ["hello"], "{what}");
        let got = json!({ "name": "hello", "arguments": { "name": "Ada" } });
        let got = caller.request("prompts/get", got).await.unwrap();
        assert_eq!(got["description"], "Say hello.", "{what}");
        assert_eq!(got["messages"][0]["content"]["text"], "Ada None", "{what}");
        let gone = json!({ "name": "write", "arguments": {} });
        assert!(caller.request("prompts/get", gone).await.is_err(), "{what}");

        let resources = list(caller, "resources/list", "resources").await;
        let uri = format!("db://{}cities", way.uris);
        assert_eq!(
            keys(&resources, "uri"),
            std::slice::from_ref(&uri),
            "{what}"
        );
        assert_eq!(resources[0]["name"], "towns", "{what}");
        assert_eq!(resources[0]["description"], "All towns.", "{what}");
        let read = caller
            .request("resources/read", json!({ "uri": uri }))
            .await;
        assert_eq!(read.unwrap()["contents"][0]["text"], "Oslo", "{what}");
        let templates = list(caller, "resources/templates/list", "resourceTemplates").await;
        assert!(templates.is_empty(), "{what}");
        let gone = json!({ "uri": format!("db://{}row/7", way.uris) });
        assert!(
            caller.request("resources/read", gone).await.is_err(),
            "{what}"
        );
    })
    .await;
}

async fn named(call: LayeredCall, next: Next) -> CallOutcome {
    let name = call.name().to_owned();
    let mut outcome = next.run().await;
    outcome.change_texts(|text| text.insert_str(0, &format!("{name}:")));
    outcome
}

/// Layers and rules have the names of their server.
#[tokio::test]
async fn each_server_has_its_own_names() {
    let inner = inner().layer(named).visible(|_, it| it.name() != "wipe");
    let server = Server::new("outer", "1")
        .mount("a", inner)
        .layer(named)
        .transform(Transform::tool("a_status").rename("changes"))
        .transform(Transform::tool("a_wipe").rename("clear"))
        .visible(|_, it| it.name() != "a_raw");
    let client = server.connect().await;
    let arguments = json!({ "repo": "r", "depth": 1 });
    let text = client.call("changes", arguments).await.unwrap();
    assert_eq!(text.text(), "changes:status:r 1 None None");
    assert!(client.call("clear", json!({})).await.is_err());
    assert!(client.call("a_raw", json!({})).await.is_err());
}

#[tokio::test]
async fn tags_of_a_transform_are_those_of_the_component() {
    everywhere(
        |names, uris| {
            vec![
                Transform::tool(format!("{names}status")).tag("kept").into(),
                Transform::prompt(format!("{names}greet"))
                    .tag("kept")
                    .into(),
                Transform::resource(format!("db://{uris}cities"))
                    .tag("kept")
                    .into(),
                Transform::filter(|component| component.has_tag("kept")),
            ]
        },
        async |way, caller| {
            for (method, member) in [
                ("tools/list", "tools"),
                ("prompts/list", "prompts"),
                ("resources/list", "resources"),
            ] {
                let all = list(caller, method, member).await;
                assert_eq!(all.len(), 1, "{}: {all:?}", way.what);
            }
        },
    )
    .await;
}
