//! The content of lists in each revision, and the data that handlers receive.

use serde_json::{Value, json};

use crate::connection::{Connection, MODERN, Transport, revisions};

fn tool<'a>(tools: &'a Value, name: &str) -> &'a Value {
    tools["tools"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tool| tool["name"] == name)
        .unwrap()
}

#[test]
fn tools_are_listed_in_the_words_of_each_revision() {
    for revision in revisions() {
        let mut connection = Connection::open(Transport::Memory, revision);
        let outcome = connection.request("tools/list", json!({}));
        let tools = outcome.reply.unwrap()["result"].clone();
        let report = tool(&tools, "report");
        assert_eq!(
            report.get("title").is_some(),
            revision >= "2025-06-18",
            "{revision}"
        );
        assert_eq!(
            report.get("outputSchema").is_some(),
            revision >= "2025-06-18",
            "{revision}"
        );
        let hints = (revision >= "2025-03-26")
            .then(|| json!({ "readOnlyHint": true, "idempotentHint": true }));
        assert_eq!(report.get("annotations"), hints.as_ref(), "{revision}");
        let shown = tool(&tools, "shown");
        let meta = json!({
            "com.example/note": 1,
            "ui": { "visibility": ["app"], "resourceUri": "ui://fixture/panel" },
            "ui/resourceUri": "ui://fixture/panel",
        });
        let meta = (revision >= "2025-06-18").then_some(meta);
        assert_eq!(shown.get("_meta"), meta.as_ref(), "{revision}");
        let icons = json!([{ "src": "https://example.com/icon.png", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark" }]);
        let icons = (revision >= "2025-11-25").then_some(icons);
        assert_eq!(shown.get("icons"), icons.as_ref(), "{revision}");
    }
}

#[test]
fn schemas_are_valid_and_name_no_dialect_but_their_own() {
    for revision in revisions() {
        let mut connection = Connection::open(Transport::Memory, revision);
        let tools = connection.request("tools/list", json!({})).reply.unwrap();
        let tools = tools["result"]["tools"].as_array().unwrap().clone();
        assert!(tools.len() > 30, "{revision}");
        for tool in tools {
            assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
            let schemas = [Some(&tool["inputSchema"]), tool.get("outputSchema")];
            for schema in schemas.into_iter().flatten() {
                assert_eq!(schema.get("$schema"), None, "{tool}");
                let checked = jsonschema::draft202012::meta::validate(schema);
                assert!(checked.is_ok(), "{:?}: {schema}", checked.err());
            }
        }
    }
}

#[test]
fn results_fit_the_schemas_that_were_listed() {
    let report = json!({ "title": "a", "points": [{ "x": 1, "y": 2.5 }], "unit": "metric" });
    for revision in ["2025-06-18", "2025-11-25", MODERN] {
        let mut connection = Connection::open(Transport::Memory, revision);
        let tools = connection.request("tools/list", json!({})).reply.unwrap()["result"].clone();
        let mut checked = 0;
        for one in tools["tools"].as_array().unwrap() {
            let name = one["name"].as_str().unwrap();
            let arguments = match name {
                "report" => json!({ "report": report }),
                "anything" => json!({ "value": { "a": null } }),
                "half" => json!({ "number": 1.5 }),
                "exact" => json!({ "number": 1 }),
                _ => json!({}),
            };
            let Some(schema) = one.get("outputSchema") else {
                continue;
            };
            let params = json!({ "name": name, "arguments": arguments });
            let reply = connection.request("tools/call", params).reply.unwrap();
            if reply["result"]["isError"] == true {
                assert!(name.starts_with("not_"), "{name}: {reply}");
                continue;
            }
            let content = &reply["result"]["structuredContent"];
            let valid = jsonschema::draft202012::new(schema).unwrap();
            assert!(valid.is_valid(content), "{name}: {content} {schema}");
            let text = reply["result"]["content"][0]["text"].as_str().unwrap();
            let text: Value = serde_json::from_str(text).unwrap();
            assert!(
                text == *content || text == content["result"],
                "{name}: {reply}"
            );
            checked += 1;
        }
        assert!(checked >= 6, "only {checked} were checked");
    }
}

#[test]
fn headers_repeat_arguments_over_http_alone() {
    for transport in [Transport::Memory, Transport::Stdio] {
        let mut connection = Connection::open(transport, MODERN);
        let params = json!({ "name": "routed", "arguments": { "region": "a" } });
        let reply = connection.request("tools/call", params).reply.unwrap();
        assert_eq!(
            reply["result"]["content"][0]["text"],
            "a None None None None"
        );
    }
}

#[test]
fn schemas_hold_what_clients_can_use() {
    let mut connection = Connection::open(Transport::Memory, MODERN);
    let tools = connection.request("tools/list", json!({})).reply.unwrap()["result"].clone();
    assert_eq!(
        tool(&tools, "optional")["inputSchema"],
        json!({
            "type": "object",
            "properties": {
                "number": { "type": "integer" },
                "alias": { "type": "string" },
                "seven": { "type": "integer", "minimum": 0, "maximum": 255, "default": 7 },
                "zero": { "type": "integer", "minimum": 0, "maximum": 255, "default": 0 },
                "type": { "type": "string" },
            },
            "additionalProperties": false,
        })
    );
    assert_eq!(
        tool(&tools, "routed")["inputSchema"]["properties"],
        json!({
            "region": { "type": "string", "x-mcp-header": "Region" },
            "size": { "type": "integer", "x-mcp-header": "Size" },
            "dry": { "type": "boolean", "x-mcp-header": "Dry-Run" },
            "unit": {
                "description": "A system of units.\n\n- `metric`: Like most of the world.\n- `imperial`: Like some of it.",
                "type": "string",
                "enum": ["metric", "imperial"],
                "x-mcp-header": "Unit",
            },
            "place": {
                "description": "Arguments that are repeated in headers.",
                "type": "object",
                "properties": {
                    "level": { "description": "How high.", "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX, "x-mcp-header": "Level" },
                },
                "additionalProperties": false,
            },
        })
    );
    let report = tool(&tools, "report");
    let point = json!({
        "description": "A point.",
        "type": "object",
        "properties": {
            "x": { "description": "To the right.", "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX },
            "y": { "description": "Up.", "type": "number" },
        },
        "required": ["x", "y"],
        "additionalProperties": false,
    });
    let input = &report["inputSchema"]["properties"]["report"];
    assert_eq!(input["properties"]["points"]["items"], point);
    assert_eq!(
        input["properties"]["remark"]["type"], "string",
        "an optional argument does not accept null in its schema"
    );
    assert_eq!(input["required"], json!(["title", "points", "unit"]));
    let output = &report["outputSchema"];
    assert_eq!(output["type"], "object");
    assert_eq!(
        output["properties"]["remark"]["type"],
        json!(["string", "null"]),
        "null is serialised"
    );
    let names: Vec<_> = input["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["title", "points", "unit", "remark"],
        "members keep their order"
    );
    assert!(
        !tools.to_string().contains("$ref\":\"#/$defs/P"),
        "a schema has no needless references"
    );
}

#[test]
fn a_handler_learns_who_asks() {
    for (transport, note) in [
        (Transport::Memory, "None"),
        (Transport::Stdio, "None"),
        (Transport::Http, "None"),
    ] {
        let mut connection = Connection::open(transport, MODERN);
        let params = json!({ "name": "caller", "_meta": { "com.example/note": [1] } });
        let message = connection.message(json!("a b"), "tools/call", params);
        let reply = connection.send(&message).reply.unwrap();
        let expected = format!("wire {MODERN} \"a b\" Some(Array [Number(1)]) {note}");
        assert_eq!(reply["result"]["content"][0]["text"], expected.as_str());
    }
}

#[test]
fn completions_are_cut_at_a_hundred() {
    let mut connection = Connection::open(Transport::Memory, MODERN);
    let params = json!({ "ref": { "type": "ref/prompt", "name": "greet" }, "argument": { "name": "name", "value": "" } });
    let reply = connection
        .request("completion/complete", params)
        .reply
        .unwrap();
    let completion = &reply["result"]["completion"];
    assert_eq!(completion["values"].as_array().unwrap().len(), 100);
    assert_eq!(completion["total"], 250);
    assert_eq!(completion["hasMore"], true);
}
