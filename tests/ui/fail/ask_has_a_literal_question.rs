use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

const QUESTION: &str = "When?";

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    time: String,
}

#[tool]
async fn book(#[ask(QUESTION)] booking: Booking) -> String {
    booking.time
}

fn main() {}
