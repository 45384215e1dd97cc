//! The measured server: `server [--tools N] [OPTIONS OF EVERY SERVER OF MCP-RUNTIME]`.

use std::process::ExitCode;

use mcp_runtime::prelude::*;
use mcp_runtime::{Server, Tool};
use serde_json::{Value, json};

/// Add two numbers.
#[tool]
async fn add(
    /// The first addend.
    a: f64,
    /// The second addend.
    b: f64,
) -> f64 {
    a + b
}

/// Return a long text.
#[tool]
async fn text(
    /// The length of the text, in bytes.
    bytes: usize,
) -> String {
    "x".repeat(bytes)
}

/// Adds `count` tools that are defined at run time.
fn others(server: Server, count: usize) -> Server {
    (1..=count).fold(server, |server, number| {
        let schema = json!({
            "type": "object",
            "properties": { "a": { "type": "number" }, "b": { "type": "number" } },
            "required": ["a", "b"],
        });
        let tool = Tool::new(
            format!("tool_{number:04}"),
            schema,
            |arguments: Value, _: Context| async move { arguments.to_string() },
        );
        server.with(tool.description("One of many."))
    })
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut tools = 1;
    if arguments.first().is_some_and(|first| first == "--tools") {
        let Some(number) = arguments.get(1).and_then(|number| number.parse().ok()) else {
            eprintln!("--tools needs a number");
            return ExitCode::from(2);
        };
        tools = number;
        arguments.drain(..2);
    }
    others(mcp_runtime::server!(), tools.max(1) - 1).run_from(arguments)
}
