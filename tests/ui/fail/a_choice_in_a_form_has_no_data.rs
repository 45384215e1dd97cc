use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    seats: Seats,
}

#[derive(Deserialize, JsonSchema, Elicit)]
enum Seats {
    Inside,
    Table(u8),
}

fn main() {}
