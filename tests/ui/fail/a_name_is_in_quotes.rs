use mcp_runtime::prelude::*;

#[tool(name = sum)]
fn add(a: f64) -> f64 {
    a
}

fn main() {}
