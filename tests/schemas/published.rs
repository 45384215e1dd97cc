//! Restrictions of clients: some refuse formats that JSON Schema does not define, `prefixItems`, and `oneOf`.

#![allow(dead_code)] // only the schemas are used

use mcp_runtime::Components;
use mcp_runtime::prelude::*;
use mcp_tests::client::Connect as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::types::server;

/// The formats of <https://json-schema.org/draft/2020-12/json-schema-validation#section-7.3>.
const FORMATS: [&str; 19] = [
    "date-time",
    "date",
    "time",
    "duration",
    "email",
    "idn-email",
    "hostname",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "iri",
    "iri-reference",
    "uuid",
    "uri-template",
    "json-pointer",
    "relative-json-pointer",
    "regex",
];

/// Returns all schemas within a value, at any keyword.
fn within(value: &Value) -> Vec<&Value> {
    let parts: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    };
    let deeper = parts.into_iter().flat_map(within);
    std::iter::once(value).chain(deeper).collect()
}

#[tokio::test]
async fn only_formats_of_json_schema_are_published() {
    for tool in server(false).connect().await.tools().await.unwrap() {
        for schema in within(&tool) {
            let Some(Value::String(format)) = schema.get("format") else {
                continue;
            };
            assert!(FORMATS.contains(&format.as_str()), "{tool:#}");
        }
    }
}

#[tokio::test]
async fn variants_with_doc_comments_are_an_enum() {
    for tool in server(false).connect().await.tools().await.unwrap() {
        for schema in within(&tool) {
            let Some(Value::Array(branches)) = schema.get("oneOf") else {
                continue;
            };
            let text = |branch: &&Value| branch.get("const").is_some_and(Value::is_string);
            assert_eq!(branches.iter().find(text), None, "{tool:#}");
        }
    }
}

/// A place on the map.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Point(f64, f64);

/// A place with words.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Told(
    /// To the right.
    f64,
    /// Up.
    f64,
);

/// Which way.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Way {
    /// Over the hills
    /// and far away.
    Hills,
    Coast,
    #[schemars(title = "The tunnel", description = "Dark.")]
    Tunnel,
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum Mixed {
    /// None at all.
    Nothing,
    /// Whatever.
    Anything,
    /// This one.
    Only(Way),
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum Single {
    /// The only one.
    One,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Trip {
    /// The way back.
    back: Way,
    perhaps: Option<Way>,
    all: Vec<Option<Way>>,
    further: Option<Box<Trip>>,
}

/// Takes tuples.
#[tool]
async fn tuples(
    pair: (u8, u8),
    three: (Option<u8>, Option<u8>, Option<u8>),
    nested: ((u8, u8), (u8, u8)),
    mixed: (u8, i8),
    point: Point,
    told: Told,
) -> Json<(Option<Way>, Option<Way>)> {
    let _ = (pair, three, nested, mixed, point, told);
    Json((None, None))
}

/// Takes enums with doc comments.
#[tool]
async fn ways(
    own: Way,
    /// The way there.
    way: Way,
    /// The way that may be left out.
    perhaps: Option<Way>,
    /// The way that is the default.
    #[arg(default = Way::Coast)]
    usual: Way,
    some: Mixed,
    single: Single,
    trip: Trip,
) {
    let _ = (own, way, perhaps, usual, some, single, trip);
}

const WAYS: &str =
    "- `coast`\n- `hills`: Over the hills\n  and far away.\n- `tunnel`: The tunnel: Dark.";

fn way(description: &str) -> Value {
    let description = format!("{description}\n\n{WAYS}");
    json!({ "description": description, "type": "string", "enum": ["coast", "hills", "tunnel"] })
}

async fn published(tool: Components) -> (Value, Value) {
    let server = Server::new("published", "1").with(tool);
    let tool = server.connect().await.tools().await.unwrap().remove(0);
    (tool["inputSchema"].clone(), tool["outputSchema"].clone())
}

#[tokio::test]
async fn tuples_of_equal_types_are_lists_with_both_bounds() {
    let (input, output) = published(components![tuples]).await;
    let of = |item: &Value, count: u8| json!({ "type": "array", "items": item, "minItems": count, "maxItems": count });
    let byte = json!({ "type": "integer", "minimum": 0, "maximum": 255 });
    let perhaps = json!({ "type": ["integer", "null"], "minimum": 0, "maximum": 255 });
    let members = &input["properties"];
    assert_eq!(members["pair"], of(&byte, 2));
    assert_eq!(members["three"], of(&perhaps, 3));
    assert_eq!(members["nested"], of(&of(&byte, 2), 2));
    assert_eq!(members["mixed"].get("items"), None);
    assert_eq!(members["mixed"]["prefixItems"][0], byte);
    let number = json!({ "type": "number" });
    let mut point = of(&number, 2);
    point["description"] = "A place on the map.".into();
    assert_eq!(members["point"], point);
    // Each item has a description of its own, which a schema for all items would lose.
    assert_eq!(members["told"]["prefixItems"][1]["description"], "Up.");
    let result = &output["properties"]["result"];
    assert_eq!(result["maxItems"], 2);
    let mut nullable = way("Which way.");
    nullable["type"] = json!(["string", "null"]);
    nullable["enum"] = json!(["coast", "hills", "tunnel", null]);
    assert_eq!(result["items"], nullable);
}

#[tokio::test]
async fn descriptions_of_variants_stand_in_the_description() {
    let (input, _) = published(components![ways]).await;
    let members = &input["properties"];
    assert_eq!(members["own"], way("Which way."));
    assert_eq!(members["way"], way("The way there."));
    assert_eq!(members["perhaps"], way("The way that may be left out."));
    let mut usual = way("The way that is the default.");
    usual["default"] = "coast".into();
    assert_eq!(members["usual"], usual);
    let mut nullable = way("Which way.");
    nullable["type"] = json!(["string", "null"]);
    nullable["enum"] = json!(["coast", "hills", "tunnel", null]);
    for trip in [&members["trip"], &input["$defs"]["Trip"]] {
        assert_eq!(trip["properties"]["back"], way("The way back."));
        assert_eq!(trip["properties"]["perhaps"], way("Which way."));
        assert_eq!(trip["properties"]["all"]["items"], nullable);
    }
    assert_eq!(
        members["some"]["oneOf"][0],
        json!({
            "description": "- `Nothing`: None at all.\n- `Anything`: Whatever.",
            "type": "string",
            "enum": ["Nothing", "Anything"],
        })
    );
    assert_eq!(members["some"]["oneOf"].as_array().unwrap().len(), 2);
    assert_eq!(
        members["single"],
        json!({ "description": "- `One`: The only one.", "type": "string", "enum": ["One"] })
    );
}
