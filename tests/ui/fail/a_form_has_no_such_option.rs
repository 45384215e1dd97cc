use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
#[elicit(rename = "booking")]
struct Booking {
    time: String,
}

fn main() {}
