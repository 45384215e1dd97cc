use mcp_runtime::prelude::*;

#[tool(description = "")]
fn add(a: f64) -> f64 {
    a
}

fn main() {}
