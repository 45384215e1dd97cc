use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    time: String,
}

#[tool]
async fn book(
    #[ask("When?", key = "booking")] booking: Booking,
    #[ask("When else?", key = "booking")] other: Option<Booking>,
) -> String {
    other.unwrap_or(booking).time
}

fn main() {}
