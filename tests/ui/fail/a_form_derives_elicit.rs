use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Booking {
    time: String,
}

#[tool]
async fn book(context: Context) -> Result<String, ToolError> {
    let booking = context.elicit::<Booking>("When?").await?;
    Ok(booking.time)
}

fn main() {}
