//! The first server of the README. A test compares it with the README.

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

fn main() -> std::process::ExitCode {
    mcp_runtime::server!().run()
}
