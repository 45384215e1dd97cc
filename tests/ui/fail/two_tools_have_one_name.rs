use mcp_runtime::prelude::*;

/// Add two numbers.
#[tool]
fn add(a: f64, b: f64) -> f64 {
    a + b
}

/// Add three numbers.
#[tool(name = "add")]
fn add_three(a: f64, b: f64, c: f64) -> f64 {
    a + b + c
}

fn main() {}
