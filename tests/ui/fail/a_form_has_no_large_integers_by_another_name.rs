use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

type Id = u128;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    id: Id,
}

fn main() {}
