use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Booking {
    time: String,
}

#[tool]
async fn book(context: Context) -> Result<String, ToolError> {
    let booking: Booking = context.elicit("When?").await?;
    Ok(booking.time)
}

fn main() {}
