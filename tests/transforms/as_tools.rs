//! Resources and prompts as tools.

use mcp_runtime::{CallOutcome, LayeredCall, Next, Tool, ToolSearch, Transform, prelude::*};
use serde_json::{Value, json};

use crate::wires::{ALL, Caller, ERAS, Host, Who};
use crate::{echo, inner, keys, list};

/// A picture.
#[resource("db://picture", mime = "image/png")]
async fn picture() -> Vec<u8> {
    vec![1, 2]
}

/// Is not for everybody.
#[resource("db://secret")]
async fn secret() -> &'static str {
    "secret"
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema, mcp_runtime::Elicit)]
struct Answer {
    value: String,
}

/// Ask the user.
#[resource("db://asked")]
async fn asked(context: Context) -> Result<String, ToolError> {
    let answer = context.elicit::<Answer>("Which one?").await?;
    Ok(answer.value)
}

fn server() -> Server {
    Server::new("outer", "1")
        .mount("a", inner())
        .with(components![picture, secret])
        .visible(|_, component| component.name() != "db://secret")
        .resources_as_tools()
        .prompts_as_tools()
}

async fn each(server: fn() -> Server, test: impl AsyncFn(&Caller)) {
    for over in ALL {
        let host = Host::of(server(), over).await;
        for era in ERAS {
            test(&host.caller(era, Who::default()).await).await;
        }
    }
}

async fn call(caller: &Caller, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    caller.request("tools/call", params).await.unwrap()
}

#[tokio::test]
async fn the_tools_answer_as_the_requests_do() {
    each(server, async |caller| {
        let tools = list(caller, "tools/list", "tools").await;
        let own = [
            "list_resources",
            "list_resource_templates",
            "read_resource",
            "list_prompts",
            "get_prompt",
        ];
        assert_eq!(keys(&tools, "name")[..5], own);
        for (tool, method, member) in [
            ("list_resources", "resources/list", "resources"),
            (
                "list_resource_templates",
                "resources/templates/list",
                "resourceTemplates",
            ),
            ("list_prompts", "prompts/list", "prompts"),
        ] {
            let listed = call(caller, tool, json!({})).await;
            let text = listed["content"][0]["text"].as_str().unwrap();
            let expected = list(caller, method, member).await;
            assert_eq!(
                listed["structuredContent"][member],
                json!(expected),
                "{tool}"
            );
            assert_eq!(
                serde_json::from_str::<Value>(text).unwrap(),
                listed["structuredContent"]
            );
        }
        for (uri, text) in [("db://a/cities", "Oslo"), ("db://a/row/7", "7")] {
            let read = call(caller, "read_resource", json!({ "uri": uri })).await;
            assert_eq!(read["content"][0]["text"], text, "{read}");
            assert!(read.get("contents").is_none(), "{read}");
        }
        let read = call(caller, "read_resource", json!({ "uri": "db://picture" })).await;
        let resource = &read["content"][0]["resource"];
        assert_eq!(
            (&resource["blob"], &resource["mimeType"]),
            (&json!("AQI="), &json!("image/png"))
        );
        assert_eq!(resource["uri"], "db://picture");
        let got = json!({ "name": "a_greet", "arguments": { "name": "Ada" } });
        let got = call(caller, "get_prompt", got).await;
        let message = &got["structuredContent"]["messages"][0];
        assert_eq!(message["content"]["text"], "Ada None", "{got}");
    })
    .await;
}

#[tokio::test]
async fn mistakes_are_errors_of_the_tool() {
    each(server, async |caller| {
        for (tool, arguments, part) in [
            ("read_resource", json!({}), "`uri` is missing"),
            ("read_resource", json!({ "uri": ["x"] }), "`uri`: expected"),
            (
                "read_resource",
                json!({ "uri": "db://a/cities", "x": 1 }),
                "unknown argument `x`",
            ),
            (
                "read_resource",
                json!({ "uri": "db://nothing" }),
                "Resource not found: db://nothing",
            ),
            // The one that the caller does not see has the same error.
            (
                "read_resource",
                json!({ "uri": "db://secret" }),
                "Resource not found: db://secret",
            ),
            (
                "get_prompt",
                json!({ "name": "nothing" }),
                "Unknown prompt: `nothing`",
            ),
            (
                "get_prompt",
                json!({ "name": "a_greet" }),
                "`name` is missing",
            ),
            (
                "get_prompt",
                json!({ "name": "a_greet", "arguments": [] }),
                "`arguments`: expected",
            ),
            (
                "list_resources",
                json!({ "cursor": "x" }),
                "is not a cursor of this list",
            ),
        ] {
            let error = caller.call(tool, arguments.clone()).await.unwrap_err();
            assert!(
                error.contains(part) && !error.starts_with("-3"),
                "{tool} {arguments}: {error}"
            );
        }
    })
    .await;
}

async fn counted(call: LayeredCall, next: Next) -> CallOutcome {
    let kind = call.kind().as_str();
    let mut outcome = next.run().await;
    outcome.change_texts(|text| text.insert_str(0, &format!("{kind}:")));
    outcome
}

/// Layers, the search and pages see the request that the call stands for.
#[tokio::test]
async fn layers_and_the_search_work_with_them() {
    fn layered() -> Server {
        server()
            .layer(counted)
            .tool_search(ToolSearch::new())
            .page_size(1)
    }
    each(layered, async |caller| {
        let read = json!({ "name": "read_resource", "arguments": { "uri": "db://a/cities" } });
        assert_eq!(
            caller.call("call_tool", read).await.unwrap(),
            "resource:Oslo"
        );
        let first = call(caller, "list_resources", json!({})).await["structuredContent"].clone();
        let cursor = &first["nextCursor"];
        assert!(cursor.is_string(), "{first}");
        let second = call(caller, "list_resources", json!({ "cursor": cursor })).await;
        assert_eq!(
            second["structuredContent"]["resources"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn a_question_reaches_the_user_in_both_eras() {
    use mcp_tests::client::Connect as _;
    for revision in ERAS {
        let server = Server::new("x", "1")
            .with(components![asked])
            .resources_as_tools();
        let client = server
            .connect()
            .revision(revision)
            .answer_with(|_| json!({ "action": "accept", "content": { "value": "this" } }))
            .await;
        let reply = client
            .call("read_resource", json!({ "uri": "db://asked" }))
            .await
            .unwrap();
        assert_eq!(reply.text(), "this", "{reply:?}");
    }
}

#[tokio::test]
async fn the_tools_belong_to_the_outermost_server() {
    let problems = async |server: Server| match server.start().await {
        Err(error) => error.to_string(),
        Ok(_) => panic!("the server was built"),
    };
    let mounted = Server::new("outer", "1").mount("a", inner().resources_as_tools());
    let problem = problems(mounted).await;
    assert!(
        problem.contains("the mounted server `inner` has `.resources_as_tools(..)`"),
        "{problem}"
    );
    let tool = Tool::new("get_prompt", json!({ "type": "object" }), echo);
    let problem = problems(inner().with(tool).prompts_as_tools()).await;
    assert!(
        problem.contains("as a tool of `Server::prompts_as_tools` is"),
        "{problem}"
    );
    let server = server().transform(Transform::filter(|it| it.has_tag("public")));
    let handle = server.handle();
    let client = server.client().await;
    assert!(!handle.remove_tool("read_resource"));
    let tools = client.tools().await.unwrap();
    assert!(tools.iter().any(|it| it["name"] == "read_resource"));
}
