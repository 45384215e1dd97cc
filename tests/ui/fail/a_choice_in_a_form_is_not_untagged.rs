use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
#[serde(untagged)]
enum Seats {
    Inside,
    Outside,
}

fn main() {}
