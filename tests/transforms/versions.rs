//! Several versions of one name or URI.

use mcp_runtime::{
    Prompt, PromptArgument, Resource, ServeError, Tool, ToolSearch, Transform, prelude::*,
};
use serde_json::{Value, json};

use crate::wires::{ALL, Caller, ERAS, Host, Over, Who, principal};
use crate::{keys, list};

/// Returns a tool that returns its version.
pub(crate) fn tool(version: &'static str) -> Tool {
    let schema = json!({ "type": "object" });
    let answer = move |_: Value, _: Context| async move { version };
    Tool::new("calc", schema, answer)
        .description(format!("Version {version}."))
        .version(version)
}

fn prompt(version: &'static str) -> Prompt {
    let answer = move |_: Value, _: Context| async move { version };
    Prompt::new("ask", [PromptArgument::new("what").optional()], answer).version(version)
}

fn resource(uri: &str, version: &'static str) -> Resource {
    let answer = move |_: Value, _: Context| async move { version };
    Resource::new(uri, format!("v{version}"), answer).version(version)
}

pub(crate) fn versioned() -> Server {
    let mut server = Server::new("inner", "1");
    for version in ["1.9", "1.10", "1.2"] {
        server = server
            .with(tool(version))
            .with(prompt(version))
            .with(resource("db://one", version))
            .with(resource("db://all/{id}", version));
    }
    server
}

/// Sends a request for a version, or for none.
pub(crate) async fn ask(
    caller: &Caller,
    method: &str,
    mut params: Value,
    version: Option<&str>,
) -> Result<Value, (i64, String)> {
    if let Some(version) = version {
        params["_meta"] = json!({ "version": version });
    }
    caller.request(method, params).await
}

#[tokio::test]
async fn callers_have_the_highest_version_or_the_one_they_ask_for() {
    for over in ALL {
        for (server, name, uri) in [
            (versioned(), "", ""),
            (
                Server::new("outer", "1").mount("a", versioned()),
                "a_",
                "a/",
            ),
        ] {
            let host = Host::of(server, over).await;
            for era in ERAS {
                let caller = host.caller(era, Who::default()).await;
                for (method, member, key) in [
                    ("tools/list", "tools", "name"),
                    ("prompts/list", "prompts", "name"),
                    ("resources/list", "resources", "uri"),
                    (
                        "resources/templates/list",
                        "resourceTemplates",
                        "uriTemplate",
                    ),
                ] {
                    let listed = list(&caller, method, member).await;
                    assert_eq!(keys(&listed, key).len(), 1, "{listed:?}");
                    let meta = json!({ "version": "1.10", "versions": ["1.10", "1.9", "1.2"] });
                    assert_eq!(listed[0]["_meta"], meta, "{listed:?}");
                }
                for (wanted, got) in [(None, "1.10"), (Some("1.10"), "1.10"), (Some("1.2"), "1.2")]
                {
                    let call = json!({ "name": format!("{name}calc"), "arguments": {} });
                    let result = ask(&caller, "tools/call", call, wanted).await.unwrap();
                    assert_eq!(result["content"][0]["text"], got);
                    let call = json!({ "name": format!("{name}ask"), "arguments": {} });
                    let result = ask(&caller, "prompts/get", call, wanted).await.unwrap();
                    assert_eq!(result["messages"][0]["content"]["text"], got);
                    for path in ["one", "all/7"] {
                        let read = json!({ "uri": format!("db://{uri}{path}") });
                        let result = ask(&caller, "resources/read", read, wanted).await.unwrap();
                        assert_eq!(result["contents"][0]["text"], got, "{path}");
                    }
                }
                let call = json!({ "name": format!("{name}calc"), "arguments": {} });
                let (code, error) = ask(&caller, "tools/call", call.clone(), Some("3"))
                    .await
                    .unwrap_err();
                let expected = format!(
                    "The tool `{name}calc` has no version `3`: there are `1.10`, `1.9`, `1.2`"
                );
                assert_eq!((code, error), (-32602, expected));
                let read = json!({ "uri": format!("db://{uri}one") });
                assert!(
                    ask(&caller, "resources/read", read, Some("3"))
                        .await
                        .is_err()
                );
                let mut call = call;
                call["_meta"] = json!({ "version": 3 });
                let (code, error) = caller.request("tools/call", call).await.unwrap_err();
                assert!(
                    code == -32602 && error.contains("`_meta.version`"),
                    "{error}"
                );
            }
        }
    }
}

/// A caller has the highest version that it sees, and does not learn of the others.
#[tokio::test]
async fn a_version_that_the_caller_does_not_see_does_not_exist() {
    let server = versioned()
        .with(tool("2").tag("beta"))
        .visible(|viewer, component| viewer.principal().is_some() || !component.has_tag("beta"));
    let host = Host::of(server, Over::Http).await;
    for era in ERAS {
        for (who, highest, count) in [(Who::default(), "1.10", 3), (principal("ada"), "2", 4)] {
            let caller = host.caller(era, who).await;
            let listed = list(&caller, "tools/list", "tools").await;
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0]["description"], format!("Version {highest}."));
            assert_eq!(
                listed[0]["_meta"]["versions"].as_array().unwrap().len(),
                count
            );
            assert_eq!(caller.call("calc", json!({})).await.unwrap(), highest);
            let call = json!({ "name": "calc", "arguments": {} });
            let asked = ask(&caller, "tools/call", call, Some("2")).await;
            assert_eq!(asked.is_ok(), count == 4);
            if let Err((_, error)) = asked {
                assert!(error.ends_with("there are `1.10`, `1.9`, `1.2`"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn versions_are_added_removed_searched_and_transformed() {
    let server = versioned()
        .tool_search(ToolSearch::new())
        .with(Tool::new("next", json!({ "type": "object" }), crate::echo))
        .transform(Transform::tool("next").rename("calc").version("1.11"));
    let handle = server.handle();
    let client = server.client().await;
    let found = client
        .call("search_tools", json!({ "query": "calc" }))
        .await
        .unwrap();
    let found = found.structured()["tools"].as_array().unwrap();
    assert_eq!(
        (found.len(), &found[0]["_meta"]["version"]),
        (1, &json!("1.11"))
    );
    assert_eq!(client.call("calc", json!({})).await.unwrap().text(), "{}");
    handle.add(tool("2")).unwrap();
    assert_eq!(client.call("calc", json!({})).await.unwrap().text(), "2");
    let error = handle.add(tool("2")).unwrap_err().to_string();
    assert!(
        error.contains("two tools are called `calc` and have the version `2`"),
        "{error}"
    );
    assert!(handle.remove_tool("calc"));
    assert!(client.call("calc", json!({})).await.is_err());
    // All versions are gone, also the lower ones.
    handle.add(tool("1")).unwrap();
    assert_eq!(client.call("calc", json!({})).await.unwrap().text(), "1");
}

/// Say one.
#[tool(name = "number", version = "1")]
async fn one() -> u8 {
    1
}

/// Say two.
#[tool(name = "number", version = "2")]
async fn two() -> u8 {
    2
}

#[tokio::test]
async fn functions_have_versions() {
    let client = Server::new("x", "1")
        .with(components![one, two])
        .client()
        .await;
    assert_eq!(client.call("number", json!({})).await.unwrap().text(), "2");
    let problems = async |server: Server| match server.start().await {
        Err(ServeError::Build(error)) => error.to_string(),
        _ => panic!("the server was built"),
    };
    let plain = Tool::new("number", json!({ "type": "object" }), crate::echo);
    let both = Server::new("x", "1").with(components![one]).with(plain);
    let problem = problems(both).await;
    assert!(
        problem.contains("two tools are called `number`, and one has no version"),
        "{problem}"
    );
    let wrong = Server::new("x", "1").with(tool("two words"));
    let problem = problems(wrong).await;
    assert!(
        problem.contains("tool `calc`: `two words` is not a version"),
        "{problem}"
    );
}
