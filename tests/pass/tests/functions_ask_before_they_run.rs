#![deny(warnings, unused)]

use mcp_runtime::{AskError, prelude::*};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    time: String,
}

type Maybe = Option<Booking>;
type Outcome<T> = Result<T, AskError>;

/// Book a table.
#[tool(strict)]
async fn book(
    restaurant: &str,
    context: Context,
    /// When they come.
    #[ask("When?")]
    mut booking: Booking,
    #[arg(default = 4)] people: u8,
    #[ask("And if it is full?", key = "other")] other: Maybe,
    #[ask("Sure?")] outcome: Outcome<Booking>,
    #[ask("Once more?")] _unused: Booking,
) -> Result<String, ToolError> {
    context.require(mcp_runtime::Capability::ElicitationForm)?;
    booking.time.push_str(restaurant);
    let other = other.map_or_else(String::new, |other| other.time);
    Ok(format!("{} {people} {other} {}", booking.time, outcome?.time))
}

#[prompt]
async fn remind(#[ask("When?")] booking: Booking, code: String) -> String {
    booking.time + &code
}

#[resource("bookings://{id}")]
async fn bookings(#[ask("When?")] booking: Maybe, id: u32) -> Option<String> {
    Some(format!("{} {id}", booking?.time))
}

macro_rules! asks {
    ($name:ident, $question:literal, $type:ty) => {
        #[tool]
        async fn $name(#[ask($question)] booking: $type) -> String {
            booking.time
        }
    };
}

asks!(later, "When, later?", Booking);

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    assert_eq!(client.tools().await?.len(), 2);
    assert!(client.call("later", serde_json::json!({})).await.is_err());
    Ok(())
}
