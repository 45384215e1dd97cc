use mcp_runtime::prelude::*;

#[tool("sum")]
fn add(a: f64) -> f64 {
    a
}

fn main() {}
