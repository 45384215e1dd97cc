use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    seats: Seats,
}

#[derive(Deserialize, JsonSchema)]
enum Seats {
    Inside,
    Outside,
}

fn main() {}
