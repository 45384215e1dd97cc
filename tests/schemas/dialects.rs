//! Schemas in the form of Gemini and `OpenAI`: each type has a form that its API takes, every value has one in it, and a call in
//! that form has the result of the original call.

use jsonschema::Validator;
use mcp_runtime::prelude::*;
use mcp_runtime::{CacheScope, ResponseCache, Revision, SchemaDialect, Tool, ToolReply};
use mcp_tests::client::{Client, Connect as _};
use mcp_tests::dialects::{gemini_mistakes, openai_mistakes};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::raw::Raw;
use crate::types::server;
use crate::values::{Values, cases};

/// A function that returns why an API refuses a schema.
type Mistakes = fn(&Value) -> Vec<String>;

const DIALECTS: [(SchemaDialect, Mistakes); 2] = [
    (SchemaDialect::Gemini, gemini_mistakes),
    (SchemaDialect::OpenAi, openai_mistakes),
];

async fn listed(server: Server) -> (Client, Vec<Value>) {
    let client = server.connect().await;
    let tools = client.tools().await.unwrap();
    (client, tools)
}

#[tokio::test]
async fn each_type_has_a_form_that_the_api_takes() {
    for (dialect, mistakes) in DIALECTS {
        for strict in [false, true] {
            let (_, tools) = listed(server(strict).schema_dialect(dialect)).await;
            assert!(tools.len() > 80);
            for tool in tools {
                let found = mistakes(&tool["inputSchema"]);
                assert!(found.is_empty(), "{dialect:?}: {found:#?} in {tool:#}");
            }
        }
    }
}

#[tokio::test]
async fn only_the_schemas_of_arguments_change() {
    let (_, original) = listed(server(false)).await;
    for (dialect, mistakes) in DIALECTS {
        let (_, mut tools) = listed(server(false).schema_dialect(dialect)).await;
        let mut changed = 0;
        for (tool, original) in tools.iter_mut().zip(&original) {
            // The test of the form can fail.
            changed += usize::from(!mistakes(&original["inputSchema"]).is_empty());
            tool["inputSchema"] = original["inputSchema"].clone();
            assert_eq!(tool, original);
        }
        assert!(changed > 30, "{dialect:?}: {changed}");
    }
}

/// The type whose list has no order.
const UNORDERED: &str = "hash_set";

/// Returns a result, or the text of an error.
fn outcome(reply: &ToolReply) -> Value {
    if reply.is_error() {
        reply.text().into()
    } else {
        reply.structured().clone()
    }
}

fn is_json_text(schema: &Value) -> bool {
    let description = schema["description"].as_str().unwrap_or_default();
    schema["type"] != "object" && description.contains("JSON text")
}

/// Returns the value as a model writes it in this form, which has JSON in strings, and null for what is left out.
fn written(value: &Value, schema: &Value, root: &Value) -> Option<Value> {
    if let Some(target) = schema["$ref"].as_str() {
        return written(value, root.pointer(target.strip_prefix('#')?)?, root);
    }
    if let Some(branches) = schema["anyOf"].as_array() {
        let mut forms = branches.iter().filter_map(|branch| {
            let form = written(value, branch, root)?;
            fits(branch, root).is_valid(&form).then_some(form)
        });
        return forms.next();
    }
    if value.is_null() && (schema["nullable"] == true || schema["type"].as_array().is_some()) {
        return Some(Value::Null);
    }
    if is_json_text(schema) {
        return Some(value.to_string().into());
    }
    match value {
        Value::Array(items) => {
            let items = items
                .iter()
                .map(|item| written(item, &schema["items"], root));
            items.collect::<Option<Vec<_>>>().map(Value::from)
        }
        Value::Object(members) => {
            let properties = schema["properties"].as_object()?;
            if members.keys().any(|name| !properties.contains_key(name)) {
                return None;
            }
            let is_required = |name: &String| {
                schema["required"]
                    .as_array()
                    .is_some_and(|all| all.contains(&json!(name)))
            };
            let mut all = Map::new();
            for (name, schema) in properties {
                match members.get(name) {
                    Some(value) => {
                        all.insert(name.clone(), written(value, schema, root)?);
                    }
                    None if is_required(name) => {
                        all.insert(name.clone(), Value::Null);
                    }
                    None => {}
                }
            }
            Some(all.into())
        }
        scalar => Some(scalar.clone()),
    }
}

/// Returns a validator of a part of a form.
fn fits(part: &Value, root: &Value) -> Validator {
    let mut part = part.clone();
    part["$defs"] = root["$defs"].clone();
    if part["$defs"].is_null() {
        part.as_object_mut().unwrap().shift_remove("$defs");
    }
    allow_null(&mut part);
    jsonschema::options()
        .should_validate_formats(true)
        .build(&part)
        .unwrap()
}

/// Says `nullable` in the words of JSON Schema.
fn allow_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(allow_null),
        Value::Object(members) => {
            members.values_mut().for_each(allow_null);
            if members.shift_remove("nullable").is_some() {
                let own = Value::Object(std::mem::take(members));
                *schema = json!({ "anyOf": [own, { "type": "null" }] });
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn each_value_has_the_same_result_in_every_form() {
    let (original, tools) = listed(server(false)).await;
    for (dialect, _) in DIALECTS {
        let (client, forms) = listed(server(false).schema_dialect(dialect)).await;
        let (mut same, mut rewritten) = (0, 0);
        for (number, (tool, form)) in tools.iter().zip(&forms).enumerate() {
            let name = tool["name"].as_str().unwrap();
            if name == UNORDERED {
                continue;
            }
            let (schema, form) = (&tool["inputSchema"], &form["inputSchema"]);
            let (allowed, form_of_value) = (fits(schema, schema), fits(form, form));
            let mut values = Values::of(schema.get("$defs"), 7 + number as u64);
            for _ in 0..cases(25) {
                let value = values.of_schema(&schema["properties"]["value"], 4);
                let arguments = json!({ "value": value });
                let expected = original.call(name, arguments.clone()).await.unwrap();
                if expected.is_error() || !allowed.is_valid(&arguments) {
                    continue;
                }
                let sent = written(&arguments, form, form);
                let sent =
                    sent.unwrap_or_else(|| panic!("{name}: {arguments} has no form in {form:#}"));
                assert!(
                    form_of_value.is_valid(&sent),
                    "{name}: {sent} does not fit {form:#}"
                );
                let reply = client.call(name, sent.clone()).await.unwrap();
                assert_eq!(
                    outcome(&reply),
                    outcome(&expected),
                    "{dialect:?}, {name}: {sent}"
                );
                same += 1;
                rewritten += usize::from(sent != arguments);
            }
        }
        assert!(
            same > 1000 && rewritten > 200,
            "{dialect:?}: {same}, {rewritten}"
        );
    }
}

/// A client that takes no notice of the form, such as one of a person, is served as before, except that a text in place of any
/// value is read as JSON.
#[tokio::test]
async fn the_original_form_is_still_accepted() {
    let (original, tools) = listed(server(false)).await;
    for (dialect, _) in DIALECTS {
        let client = server(false).schema_dialect(dialect).connect().await;
        let mut same = 0;
        for (number, tool) in tools.iter().enumerate() {
            let name = tool["name"].as_str().unwrap();
            if ["any", UNORDERED].contains(&name) {
                continue;
            }
            let schema = &tool["inputSchema"];
            let mut values = Values::of(schema.get("$defs"), 3 + number as u64);
            for _ in 0..cases(10) {
                let arguments =
                    json!({ "value": values.of_schema(&schema["properties"]["value"], 3) });
                let expected = original.call(name, arguments.clone()).await.unwrap();
                let reply = client.call(name, arguments.clone()).await.unwrap();
                assert_eq!(
                    outcome(&reply),
                    outcome(&expected),
                    "{dialect:?}, {name}: {arguments}"
                );
                same += 1;
            }
        }
        assert!(same > 700, "{same}");
    }
}

/// Returns a server whose tool was made at run time, with all that a form does not have.
fn echo() -> Server {
    let schema = json!({
        "type": "object",
        "properties": {
            "text": { "type": "string", "minLength": 1 },
            "limit": { "type": "integer", "exclusiveMinimum": 0 },
            "labels": { "type": "object", "additionalProperties": { "type": "string" } },
            "level": { "enum": [1, 2] },
        },
        "required": ["text"],
        "additionalProperties": false,
    });
    let tool = Tool::new("echo", schema, |arguments: Value, _: Context| async move {
        arguments.to_string()
    });
    Server::new("echo", "1").with(tool.description("Say it again."))
}

#[tokio::test]
async fn tools_of_run_time_receive_arguments_in_the_original_form() {
    for (dialect, sent, expected) in [
        (
            SchemaDialect::OpenAi,
            json!({ "text": "a", "limit": null, "labels": null, "level": null }),
            Ok(json!({ "text": "a" })),
        ),
        (
            SchemaDialect::OpenAi,
            json!({ "text": "a", "limit": 0, "labels": null, "level": null }),
            Err("`arguments.limit`"),
        ),
        (
            SchemaDialect::OpenAi,
            json!({ "text": null }),
            Err("`arguments.text`"),
        ),
        (
            SchemaDialect::Gemini,
            json!({ "text": "a", "labels": "{\"b\":\"c\"}" }),
            Ok(json!({ "text": "a", "labels": { "b": "c" } })),
        ),
        (
            SchemaDialect::Gemini,
            json!({ "text": "a", "labels": "{\"b\":1}" }),
            Err("`arguments.labels.b`"),
        ),
        (
            SchemaDialect::Gemini,
            json!({ "text": "a", "level": 3 }),
            Err("`arguments.level`"),
        ),
        (
            SchemaDialect::Gemini,
            json!({ "text": "a", "limit": null }),
            Err("`arguments.limit`"),
        ),
    ] {
        let client = echo().schema_dialect(dialect).connect().await;
        let reply = client.call("echo", sent.clone()).await.unwrap();
        match expected {
            Ok(expected) => assert_eq!(reply.text(), expected.to_string(), "{sent}"),
            Err(place) => assert!(
                reply.is_error() && reply.text().contains(place),
                "{sent}: {}",
                reply.text()
            ),
        }
    }
    // Without a form, null is what it is.
    let client = echo().connect().await;
    let reply = client
        .call("echo", json!({ "text": "a", "limit": null }))
        .await
        .unwrap();
    assert!(reply.is_error(), "{}", reply.text());
}

/// A name given twice is a mistake in every form, and numbers that are not changed keep their digits.
#[tokio::test]
async fn arguments_that_do_not_change_stay_as_they_are_written() {
    let mut client = Raw::to(server(false).schema_dialect(SchemaDialect::OpenAi));
    let answer = client
        .call(
            "int128",
            r#"{"value":170141183460469231731687303715884105727}"#,
        )
        .await;
    let shown = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(
        shown.contains("170141183460469231731687303715884105727"),
        "{answer}"
    );
    let answer = client
        .call("option_int", r#"{"value":null,"value":1}"#)
        .await;
    let text = answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_default();
    assert!(!text.contains("unexpected"), "{answer}");
    let mut client = Raw::to(echo().schema_dialect(SchemaDialect::OpenAi));
    let answer = client
        .call("echo", r#"{"text":"a","limit":1.50,"labels":null}"#)
        .await;
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let answer = client.call("echo", "5").await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

/// JSON in a string counts against the depth of the message. What is too deep for any message stays a text.
#[tokio::test]
async fn deep_json_in_a_string_is_refused() {
    let mut client = Raw::to(server(false).schema_dialect(SchemaDialect::Gemini));
    for (depth, is_refused) in [(20, false), (100, true), (100_000, false)] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let arguments = json!({ "value": deep }).to_string();
        let answer = client.call("any", &arguments).await;
        let code = answer["error"]["code"].as_i64();
        assert_eq!(code, is_refused.then_some(-32600), "{depth}");
    }
}

/// Returns the first schema that a client of this name lists, with the result.
async fn listed_by(server: Server, revision: &str, name: &str) -> Value {
    let (near, far) = tokio::io::duplex(1 << 20);
    let (reader, writer) = tokio::io::split(far);
    tokio::spawn(server.serve_streams(reader, writer));
    let info = json!({ "name": name, "version": "1" });
    let mut meta = json!({});
    let mut lines = Vec::new();
    if revision == Revision::LATEST.name() {
        meta = json!({
            "io.modelcontextprotocol/protocolVersion": revision,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": info,
        });
    } else {
        let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": info });
        lines.push(json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }));
        lines.push(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    }
    lines.push(
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": meta } }),
    );
    let (reader, mut writer) = tokio::io::split(near);
    for line in lines {
        writer
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }
    let mut answers = BufReader::new(reader).lines();
    loop {
        let line = answers.next_line().await.unwrap().unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        if answer["id"] == 1 {
            return answer["result"].take();
        }
    }
}

#[tokio::test]
async fn a_client_receives_the_form_of_its_model_in_every_revision() {
    let revisions = [
        "2024-11-05",
        "2025-03-26",
        "2025-06-18",
        "2025-11-25",
        "2026-07-28",
    ];
    for revision in revisions {
        for (name, form) in [
            ("gemini-cli-mcp-client", "gemini"),
            ("ChatGPT", "openai"),
            ("codex-mcp-client", "openai"),
            ("claude-code", ""),
            ("", ""),
        ] {
            for cached in [false, true] {
                let mut server = echo().schema_dialect(SchemaDialect::ByClient);
                if cached {
                    let hint = std::time::Duration::from_secs(60);
                    server = server
                        .cache(hint, CacheScope::Public)
                        .layer(ResponseCache::new());
                }
                let result = listed_by(server, revision, name).await;
                let schema = &result["tools"][0]["inputSchema"];
                let found = match schema {
                    schema if openai_mistakes(schema).is_empty() => "openai",
                    schema if gemini_mistakes(schema).is_empty() => "gemini",
                    _ => "",
                };
                assert_eq!(found, form, "{revision}, {name}: {schema:#}");
                if cached && revision == Revision::LATEST.name() {
                    assert_eq!(result["cacheScope"], "private", "{result}");
                }
            }
        }
    }
}

/// One server, one cache, and clients of all models, one after another.
#[tokio::test]
async fn clients_of_different_models_share_a_server() {
    let server = echo()
        .schema_dialect(SchemaDialect::ByClient)
        .layer(ResponseCache::new());
    let client = server.client().await;
    let meta = |name: &str| {
        json!({ "_meta": {
            "io.modelcontextprotocol/protocolVersion": Revision::LATEST.name(),
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": name, "version": "1" },
        } })
    };
    for _ in 0..3 {
        for (name, is_strict) in [
            ("ChatGPT", true),
            ("claude-code", false),
            ("Codex", true),
            ("gemini-cli-mcp-client", false),
        ] {
            let request =
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": meta(name) });
            let reply = client.send(&request.to_string()).await.unwrap().unwrap();
            let schema = &reply["result"]["tools"][0]["inputSchema"];
            assert_eq!(
                openai_mistakes(schema).is_empty(),
                is_strict,
                "{name}: {schema:#}"
            );
            assert_eq!(
                schema["properties"]["limit"]
                    .get("exclusiveMinimum")
                    .is_some(),
                name != "gemini-cli-mcp-client"
            );
        }
    }
}

/// Writes the schemas of all types in both forms, for the libraries of the vendors.
#[tokio::test]
#[ignore = "run by tests/dialects/run, which checks what it writes"]
async fn the_forms_are_written_for_the_libraries_of_the_vendors() {
    let folder = std::env::var_os("FORMS").expect("`FORMS` is not set: use tests/dialects/run");
    for (dialect, name) in [
        (SchemaDialect::Gemini, "gemini.json"),
        (SchemaDialect::OpenAi, "openai.json"),
    ] {
        let (_, tools) = listed(server(false).schema_dialect(dialect)).await;
        let path = std::path::Path::new(&folder).join(name);
        std::fs::write(path, json!(tools).to_string()).unwrap();
    }
}
