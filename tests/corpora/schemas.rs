//! The official test suite of JSON Schema (2020-12) against the check of arguments, and that of structured content: nothing
//! that a schema allows is refused, and what it forbids is refused if the build checks the keyword.

use mcp_runtime::prelude::*;
use mcp_runtime::{ClientError, SchemaDialect, Tool};
use mcp_tests::client::{Client, Connect as _};
use mcp_tests::dialects::{gemini_mistakes, openai_mistakes};
use serde_json::{Value, json};

use crate::files::{downloaded, name, sorted};

/// The outcomes of the tests of one file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Outcomes {
    allowed: u32,
    refused: u32,
    /// Values that the schema forbids, and that are accepted.
    missed: u32,
    /// Schemas with which no server can be built.
    unusable: u32,
}

impl Outcomes {
    fn add(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.refused += other.refused;
        self.missed += other.missed;
        self.unusable += other.unusable;
    }
}

/// Returns the schema of an object whose member `v` has the schema of a test. References stay valid.
fn wrapped(schema: &Value) -> Value {
    let mut inner = schema.clone();
    let mut outer = json!({ "type": "object" });
    if let Some(members) = inner.as_object_mut() {
        // The feature `validate` finds the definitions of a schema with an id by that id, so that they stay.
        let has_id = members.contains_key("$id") && cfg!(feature = "validate");
        for keyword in ["$schema", "$defs"]
            .into_iter()
            .take(if has_id { 1 } else { 2 })
        {
            if let Some(value) = members.shift_remove(keyword) {
                outer[keyword] = value;
            }
        }
    }
    redirect(&mut inner);
    redirect(&mut outer["$defs"]);
    if outer["$defs"].is_null() {
        outer.as_object_mut().unwrap().shift_remove("$defs");
    }
    outer["properties"] = json!({ "v": inner });
    outer
}

/// Changes references to the whole schema, or to a part outside of its definitions.
fn redirect(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(target) if name == "$ref" => {
                        if let Some(pointer) = target.strip_prefix('#')
                            && (pointer.is_empty() || pointer.starts_with('/'))
                            && !pointer.starts_with("/$defs/")
                        {
                            *target = format!("#/properties/v{pointer}");
                        }
                    }
                    value => redirect(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redirect),
        _ => {}
    }
}

fn server(schema: Value) -> Server {
    let echo = Tool::new("echo", schema, |_: Value, _: Context| async {});
    Server::new("suite", "1").with(echo)
}

async fn connect(schema: Value) -> Result<Client, String> {
    let client = server(schema).connect().await;
    match client.request("tools/list", json!({})).await {
        Ok(_) => Ok(client),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns `true` if the value is accepted.
async fn accepts(client: &Client, value: &Value) -> bool {
    let reply: Result<_, ClientError> = client.call("echo", json!({ "v": value })).await;
    !reply.unwrap().is_error()
}

/// The keywords that a build without the feature `validate` does not check, as the command `check` says. `oneOf` accepts what
/// several branches allow, and references by `$id` or `$anchor` are not followed.
const UNCHECKED: [&str; 14] = [
    "$anchor",
    "$dynamicRef",
    "$id",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "multipleOf",
    "not",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Returns `true` if a build may accept values that a schema forbids.
fn is_unchecked(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(name, value)| {
            UNCHECKED.contains(&name.as_str()) && !cfg!(feature = "validate") || is_unchecked(value)
        }),
        Value::Array(items) => items.iter().any(is_unchecked),
        _ => false,
    }
}

async fn group_outcomes(group: &Value) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let schema = &group["schema"];
    let client = match connect(wrapped(schema)).await {
        Ok(client) => client,
        Err(reason) => {
            let is_outside =
                reason.contains("put it under `$defs`") || reason.contains("is supported");
            assert!(is_outside, "{schema}: {reason}");
            outcomes.unusable = 1;
            return outcomes;
        }
    };
    for test in group["tests"].as_array().unwrap() {
        match (accepts(&client, &test["data"]).await, test["valid"] == true) {
            (true, true) => outcomes.allowed += 1,
            (false, false) => outcomes.refused += 1,
            (true, false) => {
                assert!(
                    is_unchecked(schema),
                    "{schema} is checked: {test} is accepted"
                );
                outcomes.missed += 1;
            }
            (false, true) => panic!("{schema} allows {test}: it is refused"),
        }
    }
    outcomes
}

#[tokio::test]
#[ignore = "run by tests/corpora/run, which downloads the files"]
async fn values_are_judged_as_the_official_suite_does() {
    let folder = downloaded("jsonschema/json/tests/draft2020-12");
    let mut all = Outcomes::default();
    for path in sorted(&folder).into_iter().filter(|path| path.is_file()) {
        // The feature `validate` checks formats, which are annotations by default.
        if cfg!(feature = "validate") && path.ends_with("format.json") {
            continue;
        }
        let groups: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut sum = Outcomes::default();
        for group in &groups {
            sum.add(group_outcomes(group).await);
        }
        println!("{}: {sum:?}", name(&path));
        all.add(sum);
    }
    println!("all: {all:?}");
    assert!(all.allowed > 500 && all.refused > 250, "{all:?}");
}

/// Every schema of the suite has a form for Gemini and one for `OpenAI`, and a valid value is still accepted.
#[tokio::test]
#[ignore = "run by tests/corpora/run, which downloads the files"]
async fn each_schema_has_a_form_for_each_model() {
    let folder = downloaded("jsonschema/json/tests/draft2020-12");
    let mut accepted = 0;
    for path in sorted(&folder).into_iter().filter(|path| path.is_file()) {
        // As above.
        if cfg!(feature = "validate") && path.ends_with("format.json") {
            continue;
        }
        let groups: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for group in &groups {
            let schema = wrapped(&group["schema"]);
            if connect(schema.clone()).await.is_err() {
                continue;
            }
            for (dialect, mistakes) in [
                (
                    SchemaDialect::Gemini,
                    gemini_mistakes as fn(&Value) -> Vec<String>,
                ),
                (SchemaDialect::OpenAi, openai_mistakes),
            ] {
                let client = server(schema.clone())
                    .schema_dialect(dialect)
                    .connect()
                    .await;
                let form = client.tools().await.unwrap()[0]["inputSchema"].take();
                let found = mistakes(&form);
                assert!(
                    found.is_empty(),
                    "{dialect:?}: {found:#?}: {schema} is {form:#}"
                );
                for test in group["tests"].as_array().unwrap() {
                    if test["valid"] == true {
                        assert!(
                            accepts(&client, &test["data"]).await,
                            "{dialect:?}: {schema}: {test}"
                        );
                        accepted += 1;
                    }
                }
            }
        }
    }
    println!("accepted in another form: {accepted}");
    assert!(accepted > 1000, "{accepted}");
}
