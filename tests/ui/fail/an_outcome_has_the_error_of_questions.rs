use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    time: String,
}

#[tool]
async fn book(#[ask("When?")] booking: Result<Booking, ToolError>) -> Result<String, ToolError> {
    Ok(booking?.time)
}

fn main() {}
