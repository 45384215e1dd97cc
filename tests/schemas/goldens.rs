//! One file for each type, so that no change of a published schema goes unnoticed.

use std::path::{Path, PathBuf};

use mcp_tests::client::Connect as _;
use serde_json::{Map, Value};

use crate::types::{NAMES, server};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/golden")
}

/// The part of a tool that is compared: the schema of its argument, and that of its result if it differs.
fn kept(tool: &Value) -> Value {
    let input = &tool["inputSchema"];
    let mut kept = Map::new();
    kept.insert("argument".to_owned(), input["properties"]["value"].clone());
    if input.get("required").is_none() {
        kept.insert("required".to_owned(), false.into());
    }
    if let Some(definitions) = input.get("$defs") {
        kept.insert("$defs".to_owned(), definitions.clone());
    }
    let output = &tool["outputSchema"];
    let result = match output["properties"].get("result") {
        Some(result)
            if output["properties"]
                .as_object()
                .is_some_and(|all| all.len() == 1) =>
        {
            result
        }
        _ => output,
    };
    if *result != input["properties"]["value"] {
        kept.insert("result".to_owned(), result.clone());
    }
    Value::Object(kept)
}

#[tokio::test]
async fn the_schema_of_each_type_is_the_one_that_is_kept() {
    let bless = mcp_tests::bless::is_blessing("BLESS");
    let tools = server(false).connect().await.tools().await.unwrap();
    assert_eq!(tools.len(), NAMES.len());
    let mut different = Vec::new();
    for tool in &tools {
        let name = tool["name"].as_str().unwrap();
        let file = folder().join(format!("{name}.json"));
        let now = format!("{:#}\n", kept(tool));
        if bless {
            std::fs::write(&file, &now).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != now {
            different.push(format!("{name} is now {now}"));
        }
    }
    assert!(
        different.is_empty(),
        "if these are meant, run the test again with BLESS=1, which rewrites the files in tests/schemas/golden:\n{}",
        different.join("\n")
    );
}

#[test]
fn every_kept_file_belongs_to_a_type() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = name
            .strip_suffix(".json")
            .is_some_and(|name| NAMES.contains(&name));
        assert!(known, "tests/schemas/golden/{name} is no longer needed");
    }
}

#[tokio::test]
async fn the_schemas_of_each_tool_are_valid_in_their_dialect() {
    for strict in [false, true] {
        for tool in server(strict).connect().await.tools().await.unwrap() {
            for keyword in ["inputSchema", "outputSchema"] {
                let result = jsonschema::draft202012::meta::validate(&tool[keyword]);
                assert!(result.is_ok(), "{}: {:?}", tool["name"], result.err());
                assert_eq!(tool[keyword]["type"], "object", "{}", tool["name"]);
            }
        }
    }
}
