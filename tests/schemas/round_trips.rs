//! Random values of every type: a tool accepts and returns what its schema accepts.

use jsonschema::Validator;
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::types::server;
use crate::values::{Values, cases};

/// Validates formats too, which is off by default.
fn validator(schema: &Value) -> Validator {
    jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .unwrap()
}

/// Returns `true` if the type of another crate may refuse a value that its schema accepts. `beyond.md` lists these cases.
fn is_beyond_words(tool: &str, value: &Value) -> bool {
    let text = value.to_string();
    match tool {
        // JSON Schema does not define their formats, so their schemas have none.
        "chrono_time" | "chrono_naive" | "jiff_time" | "jiff_naive" | "jiff_zoned" | "ip" => true,
        // Days and longer units have no fixed length.
        "jiff_duration" => ["D", "W", "Y", "P2M"]
            .iter()
            .any(|unit| text.contains(unit)),
        // The last hours of the year 9999.
        "jiff_timestamp" => text.contains("9999-12-31"),
        // The bounds of `f32` are not published.
        "float32" => value.as_f64().is_some_and(|number| number.abs() > 3.5e38),
        // A decimal has 96 bits of digits.
        "decimal" => value.as_f64().is_some_and(|number| number.abs() > 7e28),
        // The nanoseconds overflow into the seconds.
        "duration" => value["secs"] == u64::MAX,
        _ => false,
    }
}

/// The schema of a tool's argument. A format that the schema lacks is added, so that some values are accepted.
fn with_format(tool: &Value) -> Value {
    let mut schema = tool["inputSchema"]["properties"]["value"].clone();
    let format = match tool["name"].as_str().unwrap() {
        "chrono_time" | "jiff_time" => "partial-time",
        "chrono_naive" | "jiff_naive" => "partial-date-time",
        "jiff_zoned" => "zoned-date-time",
        "ip" => "ip",
        _ => return schema,
    };
    schema["format"] = format.into();
    schema
}

#[tokio::test]
async fn every_value_that_the_schema_allows_is_taken_and_what_comes_back_is_valid() {
    let mut refused = Vec::new();
    for strict in [false, true] {
        let client = server(strict).connect().await;
        for (number, tool) in client.tools().await.unwrap().iter().enumerate() {
            let name = tool["name"].as_str().unwrap();
            let schema = &tool["inputSchema"];
            let generated = with_format(tool);
            let (input, output) = (validator(schema), validator(&tool["outputSchema"]));
            let mut values = Values::of(schema.get("$defs"), 1 + number as u64);
            let mut valid = 0;
            for _ in 0..cases(150) {
                let value = values.of_schema(&generated, 4);
                let arguments = json!({ "value": value });
                if !input.is_valid(&arguments) {
                    continue;
                }
                let reply = client.call(name, arguments.clone()).await.unwrap();
                if reply.is_error() {
                    if !is_beyond_words(name, &value) {
                        refused.push(format!(
                            "{name} (strict: {strict}): {arguments}\n{}",
                            reply.text()
                        ));
                    }
                    continue;
                }
                valid += 1;
                if let Err(error) = output.validate(reply.structured()) {
                    panic!("{name} gave {}: {error}", reply.structured());
                }
            }
            assert!(valid >= cases(150) / 10, "{name} took {valid} values");
        }
    }
    let mut names: Vec<&str> = refused
        .iter()
        .map(|one| one.split(' ').next().unwrap())
        .collect();
    names.dedup();
    assert!(
        refused.is_empty(),
        "{} values of {names:?}\n{}",
        refused.len(),
        refused
            .iter()
            .take(40)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
}
