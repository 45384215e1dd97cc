//! Upstream servers that handlers call.

use mcp_runtime::prelude::*;
use mcp_runtime::{Tool, Upstream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::peer::{Peer, says, until};
use super::places::{ALL, ERAS, upstream};

#[derive(Deserialize, mcp_runtime::schemars::JsonSchema, mcp_runtime::Elicit)]
struct Name {
    name: String,
}

/// A tool that calls a tool of an upstream server.
fn through() -> Tool {
    let call = |arguments: Value, context: Context| async move {
        let name = |member: &str| arguments[member].as_str().unwrap_or_default().to_owned();
        let server = context.upstream(&name("server"))?;
        let result = server.call(&name("tool"), json!({})).await?;
        Ok::<_, ToolError>(format!("{}: {}", result.is_error(), result.text()))
    };
    Tool::new("through", json!({ "type": "object" }), call)
}

/// A tool that asks at the upstream server, then here, and then at the upstream server again.
fn asks_three_times() -> Tool {
    let call = |_: Value, context: Context| async move {
        let hidden = context.upstream("hidden")?;
        let first = hidden
            .call("ask_name", json!({ "question": "first" }))
            .await?;
        let Name { name } = context.elicit("second").await?;
        let third = hidden
            .call("ask_name", json!({ "question": "third" }))
            .await?;
        Ok::<_, ToolError>(format!("{}, {name}, {}", first.text(), third.text()))
    };
    Tool::new("asks_three_times", json!({ "type": "object" }), call)
}

async fn gateway(over: super::places::Over, revision: mcp_runtime::Revision) -> Server {
    Server::new("gateway", "1.0.0")
        .with(through())
        .with(asks_three_times())
        .upstream("hidden", upstream(over, revision).await)
        .mount("up", upstream(over, revision).await)
}

#[tokio::test]
async fn a_handler_calls_the_tools_of_a_server_that_clients_do_not_see() {
    for over in ALL {
        for of_upstream in ERAS {
            for of_client in ERAS {
                let case = format!("{over:?}, {of_upstream:?}, {of_client:?}");
                let gateway = gateway(over, of_upstream).await.start().await.unwrap();
                let peer = Peer::connect(&gateway, of_client, says("Ada")).await;
                let tools = peer.tools().await;
                assert!(
                    !tools.iter().any(|tool| tool.contains("hidden")),
                    "{case}: {tools:?}"
                );
                let call = async |server: &str, tool: &str| {
                    peer.call("through", json!({ "server": server, "tool": tool }))
                        .await
                };
                for server in ["hidden", "up"] {
                    assert_eq!(
                        call(server, "several").await.as_deref(),
                        Ok("false: one\ntwo"),
                        "{case}"
                    );
                    assert_eq!(
                        call(server, "ask_name").await.as_deref(),
                        Ok("false: hello Ada"),
                        "{case}"
                    );
                    let failed = call(server, "fails_politely").await;
                    assert_eq!(failed.as_deref(), Ok("true: try again tomorrow"), "{case}");
                }
                let unknown = call("up", "no_such_tool").await.unwrap_err();
                assert!(unknown.contains("no_such_tool"), "{case}: {unknown}");
                let unknown = call("nobody", "several").await.unwrap_err();
                assert!(
                    unknown.contains("`nobody`") && unknown.contains("Server::upstream"),
                    "{unknown}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_questions_of_several_calls_of_a_handler_are_told_apart() {
    for over in ALL {
        for of_upstream in ERAS {
            for of_client in ERAS {
                let case = format!("{over:?}, {of_upstream:?}, {of_client:?}");
                let gateway = gateway(over, of_upstream).await.start().await.unwrap();
                let peer = Peer::connect(&gateway, of_client, says("Ada")).await;
                let said = peer.call("asks_three_times", json!({})).await;
                assert_eq!(said.as_deref(), Ok("hello Ada, Ada, hello Ada"), "{case}");
                let heard = peer.heard("elicitation/create");
                let messages: Vec<_> = heard
                    .iter()
                    .map(|it| it["params"]["message"].as_str().unwrap())
                    .collect();
                assert_eq!(messages, ["first", "second", "third"], "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_of_a_handler_ends_with_the_call_of_the_handler() {
    for over in ALL {
        for revision in ERAS {
            let gateway = gateway(over, revision).await.start().await.unwrap();
            let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
            let params = json!({ "name": "through", "arguments": { "server": "up", "tool": "ask_and_wait" } });
            let asked = peer.start("tools/call", params.clone());
            let asking = asked.reply().await.unwrap();
            let mut again = params;
            let name = asking["inputRequests"]
                .as_object()
                .unwrap()
                .keys()
                .next()
                .unwrap();
            again["inputResponses"][name] =
                json!({ "action": "accept", "content": { "name": "Ada" } });
            again["requestState"] = asking["requestState"].clone();
            let waiting = peer.start("tools/call", again);
            let counted = async || peer.call("up_counted", json!({})).await.unwrap();
            let started = if revision == ERAS[0] { 1 } else { 2 };
            // The first attempt at a server without sessions ended with the question.
            until("it waits", async || {
                counted().await == format!("{started} {}", started - 1)
            })
            .await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            peer.cancel(&waiting);
            until("it ends", async || {
                counted().await == format!("{started} {started}")
            })
            .await;
        }
    }
}

/// A key in the query of a URL is a secret.
#[tokio::test]
async fn the_errors_of_a_server_do_not_show_its_key() {
    let upstream = Upstream::url("http://127.0.0.1:1/mcp?key=a-secret");
    let gateway = Server::new("gateway", "1.0.0").with(through());
    let gateway = gateway.upstream("keyed", upstream).start().await.unwrap();
    let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
    let error = peer
        .call("through", json!({ "server": "keyed", "tool": "x" }))
        .await
        .unwrap_err();
    assert!(
        error.contains("http://127.0.0.1:1/mcp") && !error.contains("a-secret"),
        "{error}"
    );
}
