use mcp_runtime::prelude::*;

#[tool(name = "add two numbers")]
fn add(a: f64) -> f64 {
    a
}

fn main() {}
