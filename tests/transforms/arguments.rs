//! Renamed, described, fixed and removed arguments, of functions and of components that were created at run time.

use std::sync::{Arc, Mutex};

use mcp_runtime::{LayeredCall, Next, SchemaDialect, Tool, Transform, prelude::*};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::wires::{ERAS, Host, Over, header};
use crate::{echo, everywhere, inner, list, raw};

fn changed(names: &str, _: &str) -> Vec<Transform> {
    let tool = |name: &str| {
        Transform::tool(format!("{names}{name}"))
            .rename(name)
            .fix_argument("repo", "/srv/\"wiki\"")
            .rename_argument("depth", "levels")
            .describe_argument("depth", "How deep.")
            .remove_argument("verbose")
    };
    vec![
        tool("status").into(),
        tool("raw").into(),
        Transform::prompt(format!("{names}greet"))
            .rename("greet")
            .rename_argument("name", "who")
            .fix_argument("style", "formal")
            .into(),
        Transform::prompt(format!("{names}write"))
            .rename("write")
            .rename_argument("topic", "about")
            .describe_argument("topic", "The topic.")
            .fix_argument("tone", "dry")
            .into(),
    ]
}

fn tool<'t>(tools: &'t [Value], name: &str) -> &'t Value {
    tools.iter().find(|it| it["name"] == name).unwrap()
}

#[tokio::test]
async fn clients_have_the_changed_arguments() {
    everywhere(changed, async |way, caller| {
        let what = way.what;
        let tools = list(caller, "tools/list", "tools").await;
        for name in ["status", "raw"] {
            let schema = &tool(&tools, name)["inputSchema"];
            let properties = schema["properties"].as_object().unwrap();
            assert!(!properties.contains_key("repo"), "{what}: {schema}");
            assert!(!properties.contains_key("verbose"), "{what}: {schema}");
            assert_eq!(properties["levels"]["description"], "How deep.", "{what}");
            assert_eq!(schema["required"], json!(["levels"]), "{what}");
        }
        let text = caller.call("status", json!({ "levels": 3 })).await;
        assert_eq!(text.unwrap(), "/srv/\"wiki\" 3 None None", "{what}");
        let text = caller.call("raw", json!({ "levels": 3 })).await.unwrap();
        let got: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            got,
            json!({ "depth": 3, "repo": "/srv/\"wiki\"" }),
            "{what}"
        );

        let prompt = async |name: &str, arguments: Value| {
            let params = json!({ "name": name, "arguments": arguments });
            let got = caller.request("prompts/get", params).await?;
            Ok::<_, (i64, String)>(
                got["messages"][0]["content"]["text"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            )
        };
        let text = prompt("greet", json!({ "who": "Ada" })).await.unwrap();
        assert_eq!(text, "Ada Some(\"formal\")", "{what}");
        let text = prompt("write", json!({ "about": "ants" })).await.unwrap();
        let got: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(got, json!({ "topic": "ants", "tone": "dry" }), "{what}");
        let prompts = list(caller, "prompts/list", "prompts").await;
        let arguments = json!([{ "name": "about", "description": "The topic.", "required": true }]);
        assert_eq!(tool(&prompts, "write")["arguments"], arguments, "{what}");
        for (name, arguments, part) in [
            (
                "greet",
                json!({ "who": "Ada", "style": "x" }),
                "unknown argument `style`",
            ),
            ("greet", json!({ "name": "Ada" }), "unknown argument `name`"),
            ("greet", json!({}), "`who` is missing"),
            ("write", json!({ "topic": "x" }), "unknown argument `topic`"),
        ] {
            let (code, error) = prompt(name, arguments).await.unwrap_err();
            assert_eq!(code, -32602, "{what}");
            assert!(error.contains(part), "{what}: {error}");
        }
    })
    .await;
}

#[tokio::test]
async fn mistakes_are_told_in_the_names_of_clients() {
    everywhere(changed, async |way, caller| {
        let what = way.what;
        for (tool, arguments, part) in [
            ("status", json!({}), "`levels` is missing"),
            ("status", json!({ "levels": 12 }), "`levels`: expected"),
            (
                "status",
                json!({ "levels": 1, "depth": 1 }),
                "unknown argument `depth`",
            ),
            (
                "status",
                json!({ "levels": 1, "repo": "/etc" }),
                "unknown argument `repo`",
            ),
            (
                "status",
                json!({ "levels": 1, "verbose": true }),
                "unknown argument `verbose`",
            ),
            ("raw", json!({}), "levels"),
            ("raw", json!({ "levels": 12 }), "levels"),
            (
                "raw",
                json!({ "levels": 1, "depth": 2 }),
                "unknown argument `depth`",
            ),
            (
                "raw",
                json!({ "levels": 1, "repo": "/etc" }),
                "unknown argument `repo`",
            ),
            (
                "raw",
                json!({ "levels": 1, "verbose": true }),
                "unknown argument `verbose`",
            ),
        ] {
            let error = caller.call(tool, arguments.clone()).await.unwrap_err();
            assert!(error.contains(part), "{what} {tool} {arguments}: {error}");
        }
        // A value of the wrong type is repaired as before.
        let text = caller.call("status", json!({ "levels": "3" })).await;
        assert_eq!(text.unwrap(), "/srv/\"wiki\" 3 None None", "{what}");
    })
    .await;
}

#[tokio::test]
async fn completions_use_the_names_of_clients() {
    let make = |names: &str, _: &str| {
        let greet = Transform::prompt(format!("{names}greet")).rename("greet");
        let greet = greet.rename_argument("name", "who");
        vec![greet.rename_argument("style", "tone").into()]
    };
    everywhere(make, async |way, caller| {
        let complete = async |name: &str| {
            let params = json!({
                "ref": { "type": "ref/prompt", "name": "greet" },
                "argument": { "name": name, "value": "" },
                "context": { "arguments": { "tone": "dry" } },
            });
            caller.request("completion/complete", params).await
        };
        let values = complete("who").await.unwrap()["completion"]["values"].clone();
        assert_eq!(values, json!(["Some(\"dry\")"]), "{}", way.what);
        assert!(complete("name").await.is_err(), "{}", way.what);
    })
    .await;
}

/// The headers of a call are compared with the arguments that the client sends.
#[tokio::test]
async fn headers_have_the_arguments_of_the_client() {
    let fixed = inner().transform(Transform::tool("status").fix_argument("region", "eu"));
    let renamed = inner().transform(Transform::tool("status").rename_argument("region", "place"));
    let (fixed, renamed) = (
        Host::of(fixed, Over::Http).await,
        Host::of(renamed, Over::Http).await,
    );
    let base = json!({ "repo": "r", "depth": 1 });
    let mut placed = base.clone();
    placed["place"] = "us".into();
    let (none, us) = (crate::Who::default(), header("Mcp-Param-Region", "us"));
    let modern = ERAS[1];
    let text = fixed
        .caller(modern, none.clone())
        .await
        .call("status", base.clone())
        .await;
    assert_eq!(text.unwrap(), "r 1 None Some(\"eu\")");
    let text = renamed
        .caller(modern, us.clone())
        .await
        .call("status", placed.clone())
        .await;
    assert_eq!(text.unwrap(), "r 1 None Some(\"us\")");
    let error = renamed
        .caller(modern, none)
        .await
        .call("status", placed)
        .await
        .unwrap_err();
    assert!(
        error.contains("Mcp-Param-Region is missing, but the argument `place`"),
        "{error}"
    );
    let error = renamed
        .caller(modern, us)
        .await
        .call("status", base)
        .await
        .unwrap_err();
    assert!(
        error.contains("is present, but the argument `place` is not"),
        "{error}"
    );
}

/// The arguments that a layer has seen, as JSON.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(&'static str, Value)>>>);

impl Seen {
    fn layer(&self, place: &'static str) -> impl mcp_runtime::Layer + use<> {
        let seen = Arc::clone(&self.0);
        move |call: LayeredCall, next: Next| {
            seen.lock().unwrap().push((place, call.arguments().clone()));
            async move { next.run().await }
        }
    }
}

/// A layer that decides by arguments has those of its own server.
#[tokio::test]
async fn layers_see_the_arguments_of_their_server() {
    let seen = Seen::default();
    let tool = raw().layer(seen.layer("tool"));
    let inner = Server::new("inner", "1")
        .with(tool)
        .layer(seen.layer("inner"))
        .transform(Transform::tool("raw").rename_argument("depth", "levels"));
    let server = Server::new("outer", "1")
        .mount_without_prefix(inner)
        .layer(seen.layer("outer"))
        .transform(Transform::tool("raw").fix_argument("repo", "r"));
    let client = server.connect().await;
    client.call("raw", json!({ "levels": 2 })).await.unwrap();
    assert_eq!(
        *seen.0.lock().unwrap(),
        [
            ("outer", json!({ "levels": 2 })),
            ("inner", json!({ "levels": 2, "repo": "r" })),
            ("tool", json!({ "depth": 2, "repo": "r" })),
        ]
    );
}

/// Two transforms may exchange names, in one step or in two.
#[tokio::test]
async fn changes_of_several_transforms_follow_each_other() {
    let schema = json!({
        "type": "object",
        "properties": { "a": { "type": "string" }, "b": { "type": "string" } },
        "additionalProperties": false,
    });
    let swap = || {
        Transform::tool("echo")
            .rename_argument("a", "b")
            .rename_argument("b", "a")
    };
    let echo = || Server::new("x", "1").with(Tool::new("echo", schema.clone(), echo));
    let arguments = json!({ "a": "1", "b": "2" });
    let once = echo().transform(swap()).connect().await;
    let reply = once.call("echo", arguments.clone()).await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&reply.text()).unwrap(),
        json!({ "a": "2", "b": "1" })
    );
    let twice = echo().transform(swap()).transform(swap()).connect().await;
    let reply = twice.call("echo", arguments.clone()).await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&reply.text()).unwrap(),
        arguments
    );
}

/// The forms of schemas for other dialects are those of the changed schema.
#[tokio::test]
async fn dialects_have_the_changed_schema() {
    let server = inner().transform(
        Transform::tool("status")
            .rename_argument("verbose", "details")
            .fix_argument("repo", "r"),
    );
    let client = server.schema_dialect(SchemaDialect::OpenAi).connect().await;
    let tools = client.tools().await.unwrap();
    let schema = &tool(&tools, "status")["inputSchema"];
    assert_eq!(schema["required"], json!(["depth", "details", "region"]));
    let arguments = json!({ "depth": 2, "details": null, "region": null });
    let reply = client.call("status", arguments).await.unwrap();
    assert_eq!(reply.text(), "r 2 None None");
}
