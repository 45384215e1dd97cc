//! The server under attack: one component for each place of outside data, and one for each cost of a call.

#![allow(clippy::panic)] // a panic of a handler is an attack

use std::process::ExitCode;
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{Elicit, Limits};
use serde_json::Value;

/// Add two numbers.
#[tool]
async fn add(a: f64, b: f64) -> f64 {
    a + b
}

/// Return a value of any kind.
#[tool]
async fn keep(value: Value) -> Json<Value> {
    Json(value)
}

/// Return a text that a header repeats.
#[tool]
async fn routed(#[arg(header = "Text")] text: String) -> String {
    text
}

/// Return a text of this length.
#[tool]
async fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// Wait.
#[tool]
async fn wait(milliseconds: u64) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    "waited".to_owned()
}

/// Panic.
#[tool]
async fn panics() -> String {
    panic!("on purpose")
}

/// Ask for a confirmation.
#[tool]
async fn confirm(context: Context) -> Result<String, ToolError> {
    let answer: Confirmation = context.elicit("Really?").await?;
    Ok(answer.really.to_string())
}

/// A confirmation.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Confirmation {
    /// Whether to go on.
    really: bool,
}

/// Show several values, and a text.
#[prompt]
async fn show(values: Option<Vec<Value>>, text: Option<String>) -> String {
    format!("{values:?} {text:?}")
}

/// The limits of time for requests that never become complete.
const QUICK: Duration = Duration::from_secs(1);

/// Returns the server with the keys of two callers.
#[cfg(feature = "auth")]
fn with_keys(server: mcp_runtime::Server) -> mcp_runtime::Server {
    use mcp_runtime::{ApiKey, Auth};
    server.auth(Auth::api_keys([
        ApiKey::new("ada", "ada-0123456789abcdef-0123456789abcdef"),
        ApiKey::new("bob", "bob-0123456789abcdef-0123456789abcdef"),
    ]))
}

/// Serves the components: `hostile-server [quick] [keys] [OPTIONS OF EVERY SERVER]`. With `quick`, connections on which nothing
/// arrives end soon. With `keys`, which needs the feature `auth`, callers need the key of `ada` or `bob`.
fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut limits = Limits::default();
    if arguments.first().is_some_and(|first| first == "quick") {
        arguments.remove(0);
        limits.header_timeout = QUICK;
        limits.body_timeout = QUICK;
        limits.idle_timeout = QUICK;
    }
    let server = mcp_runtime::server!().limits(limits);
    #[cfg(feature = "auth")]
    let server = if arguments.first().is_some_and(|first| first == "keys") {
        arguments.remove(0);
        with_keys(server)
    } else {
        server
    };
    server.run_from(arguments)
}
