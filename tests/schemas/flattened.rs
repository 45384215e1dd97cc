//! Structs with flattened members of other types.

use std::collections::HashMap;

use mcp_runtime::prelude::*;
use mcp_tests::client::Connect as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "type")]
enum Tagged {
    Plain,
    Map(HashMap<String, u8>),
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "kind", content = "content")]
enum Adjacent {
    None,
    Some(u8),
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct WithMap {
    a: u8,
    #[serde(flatten)]
    tagged: Tagged,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct WithTwo {
    a: u8,
    #[serde(flatten)]
    tagged: Tagged,
    #[serde(flatten)]
    adjacent: Adjacent,
}

/// One of several variants, among the members.
#[tool]
async fn one(value: WithMap) -> Json<WithMap> {
    Json(value)
}

/// Two enums, among the members.
#[tool]
async fn two(value: WithTwo) -> Json<WithTwo> {
    Json(value)
}

/// The published schema accepts the values, and so does the tool.
#[tokio::test]
async fn members_of_several_types_make_one_object() {
    let server = Server::new("flattened", "1").with(components![one, two]);
    let client = server.connect().await;
    let tools = client.tools().await.unwrap();
    let made_of = |schema: &Value, whole: &Value| {
        let validator = jsonschema::draft202012::new(schema).unwrap();
        assert!(validator.is_valid(whole), "{schema}: {whole}");
    };
    for (index, value) in [
        (0, json!({ "a": 1, "type": "Plain" })),
        (0, json!({ "a": 1, "type": "Map", "b": 2 })),
        (1, json!({ "a": 1, "type": "Plain", "kind": "None" })),
        (
            1,
            json!({ "a": 1, "type": "Plain", "kind": "Some", "content": 2 }),
        ),
    ] {
        let name = tools[index]["name"].as_str().unwrap();
        let arguments = json!({ "value": value });
        made_of(&tools[index]["inputSchema"], &arguments);
        made_of(&tools[index]["outputSchema"], &value);
        let reply = client.call(name, arguments.clone()).await.unwrap();
        assert_eq!(*reply.structured(), value, "{reply:?}");
    }
}

/// Numbers by numbers.
#[tool]
async fn keys(unsigned: Option<HashMap<u32, bool>>, signed: Option<HashMap<i8, bool>>) -> usize {
    drop(signed);
    unsigned.map_or(0, |map| map.len())
}

#[tokio::test]
async fn keys_that_are_no_numbers_are_told_all_at_once() {
    let client = Server::new("keys", "1")
        .with(components![keys])
        .connect()
        .await;
    let good = json!({ "unsigned": { "0": true, "10": false }, "signed": { "-1": true } });
    let reply = client.call("keys", good).await.unwrap();
    assert_eq!(reply.structured()["result"], 2, "{reply:?}");
    let wrong: Value = json!({
        "unsigned": { "a": true, "-1": true, "01": true, "": true },
        "signed": { "-": true },
    });
    let text = client.call("keys", wrong).await.unwrap().text();
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "- `signed[\"-\"]`: expected a key that is a whole number",
            "- `unsigned.a`: expected a key that is a whole number, not below 0",
            "- `unsigned[\"\"]`: expected a key that is a whole number, not below 0",
            "- `unsigned[\"-1\"]`: expected a key that is a whole number, not below 0",
            "- `unsigned[\"01\"]`: expected a key that is a whole number, not below 0",
        ]
    );
}
