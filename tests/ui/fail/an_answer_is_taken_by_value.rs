use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    time: String,
}

#[tool]
async fn book(#[ask("When?")] booking: &Booking) -> String {
    booking.time.clone()
}

fn main() {}
