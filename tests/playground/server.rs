//! The server for the test of the playground: a tool with every kind of argument, and one for each thing that the page shows.

#![allow(clippy::unnecessary_wraps)] // results of tools

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{Completion, LogLevel, ResourceLink, ServerHandle, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One red pixel.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4,
    0x89, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0xfc, 0xcf, 0xc0, 0xf0,
    0x1f, 0x00, 0x05, 0x05, 0x02, 0x00, 0x5f, 0xc8, 0xf1, 0xd2, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45,
    0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Place {
    /// The name of the city.
    city: String,
    zip: Option<u32>,
}

/// Whom to tell.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Contact {
    Mail { address: String },
    Phone { number: String },
}

#[derive(Debug, Serialize, JsonSchema)]
struct Received {
    text: String,
    count: i64,
    ratio: f64,
    flag: bool,
    maybe: Option<bool>,
    colour: Colour,
    tags: Vec<String>,
    place: Place,
    contact: Contact,
    counts: BTreeMap<String, i64>,
    note: String,
    region: String,
}

/// Returns its arguments.
#[allow(clippy::too_many_arguments)] // one of each kind
#[tool(title = "Every argument", read_only)]
async fn arguments(
    /// Any text.
    text: String,
    #[arg(range(1..=10))] count: i64,
    ratio: f64,
    flag: bool,
    maybe: Option<bool>,
    colour: Colour,
    tags: Vec<String>,
    place: Place,
    contact: Contact,
    counts: BTreeMap<String, i64>,
    #[arg(default = "none")] note: String,
    #[arg(header = "Region")] region: String,
) -> Json<Received> {
    Json(Received {
        text,
        count,
        ratio,
        flag,
        maybe,
        colour,
        tags,
        place,
        contact,
        counts,
        note,
        region,
    })
}

/// Returns an image and a link.
#[tool]
async fn picture() -> (Image, ResourceLink) {
    (Image::png(PNG), ResourceLink::new("note://one", "A note"))
}

/// Reports its progress until it is cancelled.
#[tool]
async fn slow(context: Context) -> &'static str {
    for step in 1..=50 {
        context.progress(step, Some(50), Some("working"));
        context.log(LogLevel::Info, format!("step {step}"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    "done"
}

/// Fails.
#[tool]
async fn failing() -> Result<String, ToolError> {
    Err(ToolError::new("it fails: try another tool"))
}

#[derive(Debug, Deserialize, JsonSchema, Elicit)]
struct Table {
    /// How many guests.
    #[schemars(range(min = 1, max = 9))]
    guests: u8,
    window: Option<bool>,
}

/// Asks two questions.
#[tool]
async fn reserve(context: Context) -> Result<String, ToolError> {
    let table: Table = context.elicit("For how many?").await?;
    let Table { guests, window } = context.elicit("Are you sure?").await?;
    Ok(format!("{} and {guests} guests, {window:?}", table.guests))
}

/// A tool that a server of a newer version has.
fn grown() -> Tool {
    let tool = Tool::new(
        "grown",
        serde_json::json!({ "type": "object" }),
        |_: serde_json::Value, _: Context| async { "grown" },
    );
    tool.description("Was added.")
}

/// Adds a tool.
#[tool]
async fn grow(handle: State<ServerHandle>) -> &'static str {
    match handle.add(grown()) {
        Ok(()) => "added",
        Err(_) => "there already",
    }
}

fn names(completion: Completion) -> Vec<&'static str> {
    let all = ["one", "two", "three"];
    let is_wanted = |name: &&str| name.starts_with(completion.value());
    all.into_iter().filter(is_wanted).collect()
}

/// A note.
#[resource("note://{name}")]
async fn note(#[arg(complete = names)] name: String) -> String {
    format!("This is note {name}.")
}

/// Reviews a text.
#[prompt]
async fn review(
    /// The text to review.
    text: String,
) -> String {
    format!("Review this: {text}")
}

fn main() -> ExitCode {
    let mut server = mcp_runtime::server!();
    if std::env::var_os("PLAYGROUND_GROWN").is_some() {
        server = server.with(grown());
    }
    let handle = server.handle();
    server.state(handle).run()
}
