//! The server that is attacked. Its tools do what the servers of users do, with sizes that the client chooses.

use std::time::Duration;

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The time after which a slow call ends.
const SLOW: Duration = Duration::from_millis(300);

/// Return a text of this many bytes.
#[tool(read_only)]
async fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// Return a text of this many bytes after a while.
#[tool(read_only)]
async fn slow_text(bytes: usize) -> String {
    tokio::time::sleep(SLOW).await;
    "x".repeat(bytes)
}

/// Report progress this many times.
#[tool(read_only)]
async fn report(times: u32, context: Context) -> u32 {
    for step in 1..=times {
        context.progress(f64::from(step), None, Some("a step is done"));
    }
    tokio::time::sleep(SLOW).await;
    times
}

/// Log this many messages of this many bytes.
#[tool(read_only)]
async fn log(times: u32, bytes: usize, context: Context) -> u32 {
    let data = "x".repeat(bytes);
    for _ in 0..times {
        context.log(LogLevel::Info, &data);
    }
    tokio::time::sleep(SLOW).await;
    times
}

/// Report that a resource and the list of tools changed, this many times.
#[tool]
async fn change(uri: String, times: u32, context: Context) -> u32 {
    for _ in 0..times {
        context.notify().resource_updated(&uri);
        context.notify().tools_changed();
    }
    times
}

/// A confirmation.
#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
struct Confirmation {
    /// Whether to continue.
    yes: bool,
}

/// Record an outcome of this many bytes between two questions.
#[tool]
async fn effect(bytes: usize, context: Context) -> Result<usize, ToolError> {
    context.once("before", async { 1_u8 }).await?;
    let _: Confirmation = context.elicit("Continue?").await?;
    let outcome = context.once("outcome", async { "x".repeat(bytes) }).await?;
    Ok(outcome.len())
}

/// A thing of any name.
#[resource("thing://{name}")]
async fn thing(name: String) -> String {
    name
}

fn main() -> std::process::ExitCode {
    mcp_runtime::server!().run()
}
