//! The first server: a tool, a resource template and a prompt.

use mcp_runtime::prelude::*;

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

/// A greeting for one person.
#[resource("greeting://{name}")]
fn greeting(name: String) -> String {
    format!("Hello, {name}!")
}

/// Ask for a review of a piece of code.
#[prompt]
fn review(
    /// The code to review.
    code: String,
) -> String {
    format!("Please review this code:\n\n{code}")
}

fn main() -> std::process::ExitCode {
    mcp_runtime::server!().run()
}
