//! The measured server: `server [--tools N] [--layers N] [--mounted] [--issuer URL] [OPTIONS OF EVERY SERVER OF MCP-RUNTIME]`.
//! With `--upstream PROGRAM` or `--upstream URL`, it has the tools of an upstream server with the prefix `m` (feature `proxy`).
//! With `--mounted`, the server is mounted in another one with the prefix `m`. `--issuer` needs the feature `auth`.

use std::process::ExitCode;

use mcp_runtime::prelude::*;
use mcp_runtime::{CallOutcome, LayeredCall, Next, Server, Tool};
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

/// A layer that does nothing.
async fn pass(_: LayeredCall, next: Next) -> CallOutcome {
    next.run().await
}

/// Removes an option that is the first argument, and returns its number. Without the option, this is `default`.
fn number(arguments: &mut Vec<String>, option: &str, default: usize) -> Option<usize> {
    if arguments.first().is_none_or(|first| first != option) {
        return Some(default);
    }
    let number = arguments.get(1).and_then(|number| number.parse().ok())?;
    arguments.drain(..2);
    Some(number)
}

/// Mounts the server in another one, if the option `--mounted` is the first argument.
fn mounted(server: Server, arguments: &mut Vec<String>) -> Server {
    if arguments.first().is_none_or(|first| first != "--mounted") {
        return server;
    }
    arguments.remove(0);
    Server::new("outer", "1.0.0").mount("m", server)
}

/// Returns a server in front of another one, if the option `--upstream` is the first argument.
#[cfg(feature = "proxy")]
fn proxy(arguments: &mut Vec<String>) -> Option<Server> {
    if arguments.len() < 2 || arguments[0] != "--upstream" {
        return None;
    }
    let target = arguments.drain(..2).nth(1).unwrap_or_default();
    let upstream = if target.starts_with("http") {
        mcp_runtime::Upstream::url(target)
    } else {
        mcp_runtime::Upstream::command(target)
    };
    Some(Server::new("outer", "1.0.0").mount("m", upstream))
}

/// Authenticates callers by the tokens of an issuer, if the option `--issuer` is the first argument.
#[cfg(feature = "auth")]
fn authenticated(server: Server, arguments: &mut Vec<String>) -> Server {
    if arguments.len() < 2 || arguments[0] != "--issuer" {
        return server;
    }
    let issuer = arguments.drain(..2).nth(1).unwrap_or_default();
    server.auth(mcp_runtime::Auth::jwt(issuer, "https://server.example/mcp"))
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    #[cfg(feature = "proxy")]
    if let Some(server) = proxy(&mut arguments) {
        return server.run_from(arguments);
    }
    let tools = number(&mut arguments, "--tools", 1);
    let layers = number(&mut arguments, "--layers", 0);
    let (Some(tools), Some(layers)) = (tools, layers) else {
        eprintln!("--tools and --layers need numbers");
        return ExitCode::from(2);
    };
    let server = others(mcp_runtime::server!(), tools.max(1) - 1);
    let server = (0..layers).fold(server, |server, _| server.layer(pass));
    let server = mounted(server, &mut arguments);
    #[cfg(feature = "auth")]
    let server = authenticated(server, &mut arguments);
    server.run_from(arguments)
}
