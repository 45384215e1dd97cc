use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Booking {
    time: String,
}

#[prompt]
async fn book(#[ask("When?")] booking: Option<Booking>) -> String {
    booking.map_or_else(String::new, |booking| booking.time)
}

fn main() {}
