use mcp_runtime::prelude::*;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Celsius,
    Fahrenheit,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Place {
    city: String,
    position: Option<Position>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Position(f64, f64);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
enum Shape {
    Circle { radius: f64 },
    Square { side: f64 },
}

/// A tree.
#[derive(Debug, Deserialize, JsonSchema)]
struct Tree {
    children: Vec<Tree>,
}

#[tool]
fn weather(
    unit: Unit,
    places: Vec<Place>,
    shape: Option<Shape>,
    tree: Option<Tree>,
    rest: Option<BTreeMap<String, serde_json::Value>>,
) -> String {
    format!("{unit:?} {places:?} {shape:?} {tree:?} {rest:?}")
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    let places = json!([{ "city": "Rome", "position": [1.5, 2.5] }]);
    let shape = json!({ "kind": "Circle", "radius": 1.5 });
    let reply = client
        .call("weather", json!({ "unit": "celsius", "places": places, "shape": shape, "tree": { "children": [] } }))
        .await?;
    assert!(reply.text().starts_with("Celsius [Place { city: \"Rome\", position: Some(Position(1.5, 2.5)) }]"));
    Ok(())
}
