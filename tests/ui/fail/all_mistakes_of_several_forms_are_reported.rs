use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Pair(String, String);

#[derive(Deserialize, JsonSchema, Elicit)]
#[serde(untagged)]
enum Size {
    Small,
    Large,
}

#[derive(Deserialize, JsonSchema, Elicit)]
#[elicit(krate = mcp_runtime)]
struct Booking {
    size: Size,
    #[serde(flatten)]
    pair: Pair,
}

#[tool]
async fn book(context: Context) -> Result<String, ToolError> {
    let booking: Booking = context.elicit("What?").await?;
    let _ = (booking.size, booking.pair);
    Ok(String::new())
}

fn main() {
    let _ = components![book];
}
