//! Results of tools: they are valid for their schemas, and nothing that a handler returns is lost.

use mcp_runtime::prelude::*;
use mcp_runtime::{JsonWithText, Message, Revision, Text, Tool};
use mcp_tests::client::Connect as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A struct whose only member has the name of the wrapper of data that is not an object.
#[derive(Serialize, JsonSchema)]
struct Verdict {
    result: bool,
}

/// Judges.
#[tool]
async fn judge() -> Json<Verdict> {
    Json(Verdict { result: true })
}

/// Judges, or fails.
#[tool]
async fn try_to_judge() -> Result<Json<Verdict>, ToolError> {
    Ok(Json(Verdict { result: false }))
}

/// Judges several.
#[tool]
async fn judge_all() -> Json<Vec<Verdict>> {
    Json(vec![Verdict { result: true }])
}

#[tokio::test]
async fn a_struct_whose_only_member_is_result_is_not_wrapped_again() {
    let client = Server::new("results", "1")
        .with(components![judge, try_to_judge, judge_all])
        .connect()
        .await;
    let all = client.tools().await.unwrap();
    for (tool, expected) in [
        ("judge", json!({ "result": true })),
        ("try_to_judge", json!({ "result": false })),
        ("judge_all", json!({ "result": [{ "result": true }] })),
    ] {
        let reply = client.call(tool, json!({})).await.unwrap();
        assert_eq!(*reply.structured(), expected, "{tool}");
        let listed = all.iter().find(|listed| listed["name"] == tool).unwrap();
        let schema = jsonschema::validator_for(&listed["outputSchema"]).unwrap();
        assert!(schema.is_valid(reply.structured()), "{tool}: {schema:?}");
    }
}

/// Judges in words.
#[tool]
async fn judge_in_words() -> JsonWithText<Verdict> {
    Json(Verdict { result: true }).with_text("It is right.")
}

/// Judges several in words, or fails.
#[tool]
async fn judge_all_in_words() -> Result<JsonWithText<Vec<Verdict>>, ToolError> {
    Ok(Json(vec![Verdict { result: true }]).with_text("They are right."))
}

#[tokio::test]
async fn a_text_of_its_own_leaves_structured_content_and_schema_as_they_are() {
    for revision in [Revision::V2025_11_25, Revision::V2026_07_28] {
        let tools = components![judge, judge_in_words, judge_all, judge_all_in_words];
        let server = Server::new("results", "1").with(tools);
        let client = server.connect().revision(revision).await;
        let all = client.tools().await.unwrap();
        for (plain, worded, text) in [
            ("judge", "judge_in_words", "It is right."),
            ("judge_all", "judge_all_in_words", "They are right."),
        ] {
            let schema = |name: &str| {
                let listed = all.iter().find(|listed| listed["name"] == name);
                listed.unwrap()["outputSchema"].clone()
            };
            assert!(schema(worded).is_object());
            assert_eq!(schema(worded), schema(plain));
            let expected = client.call(plain, json!({})).await.unwrap();
            let reply = client.call(worded, json!({})).await.unwrap();
            assert_eq!(reply.text(), text);
            assert_eq!(reply.structured(), expected.structured());
        }
    }
}

fn failing() -> Tool {
    let schema = json!({ "type": "object" });
    Tool::new("fail", schema, |_: Value, _: Context| async {
        ToolResult::error("out of paper")
            .content("tray 2")
            .content(Text::new("tray 3"))
            .structured(&json!({ "trays": [2, 3] }))
    })
}

#[tokio::test]
async fn an_error_keeps_its_content_and_its_structured_content() {
    for (revision, structured) in [
        (Revision::V2025_03_26, Value::Null),
        (Revision::V2025_11_25, json!({ "trays": [2, 3] })),
        (Revision::V2026_07_28, json!({ "trays": [2, 3] })),
    ] {
        let server = Server::new("results", "1").with(failing());
        let client = server.connect().revision(revision).await;
        let reply = client.call("fail", json!({})).await.unwrap();
        assert!(reply.is_error());
        assert_eq!(reply.text(), "out of paper\ntray 2\ntray 3");
        assert_eq!(*reply.structured(), structured, "{revision:?}");
    }
}

fn meta() -> Map<String, Value> {
    let meta = json!({
        "io.modelcontextprotocol/serverInfo": { "name": "another", "version": "2" },
        "a note": 1,
        "com.example/note": 2,
        "note": 3,
    });
    meta.as_object().unwrap().clone()
}

/// Says more than it may.
#[tool]
async fn tell() -> ToolResult {
    let contents = ResourceContents::text("inside").meta(meta());
    let nothing = ResourceLink::new("text://a", "a").meta(meta().into_iter().take(2).collect());
    ToolResult::new()
        .content(Text::new("a").meta(meta()))
        .content(EmbeddedResource::new("text://inside", contents).meta(meta()))
        .content(nothing)
        .meta(meta())
}

/// Says more than it may.
#[resource("text://told")]
fn told() -> ResourceContents {
    ResourceContents::text("told").meta(meta())
}

/// Says more than it may.
#[prompt]
fn say() -> Message {
    Message::user(Text::new("said").meta(meta()))
}

#[tokio::test]
async fn meta_has_no_keys_that_are_wrong_or_those_of_the_protocol() {
    let right = json!({ "com.example/note": 2, "note": 3 });
    for revision in [Revision::V2025_11_25, Revision::V2026_07_28] {
        let server = Server::new("results", "1").with(components![tell, told, say]);
        let client = server.connect().revision(revision).await;
        let reply = client.call("tell", json!({})).await.unwrap();
        let mut of_result = reply.as_json()["_meta"].clone();
        let own = of_result
            .as_object_mut()
            .unwrap()
            .shift_remove("io.modelcontextprotocol/serverInfo");
        assert_eq!(of_result, right);
        let name = own.map(|own| own["name"].clone());
        assert!(name.is_none_or(|name| name == "results"));
        let content = reply.content();
        assert_eq!(content[0]["_meta"], right);
        assert_eq!(content[1]["_meta"], right);
        assert_eq!(content[1]["resource"]["_meta"], right);
        assert_eq!(content[2].get("_meta"), None);
        let contents = client.read("text://told").await.unwrap();
        assert_eq!(contents[0]["_meta"], right);
        let messages = client.prompt("say", json!({})).await.unwrap();
        assert_eq!(messages[0]["content"]["_meta"], right);
    }
}
