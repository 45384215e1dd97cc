use mcp_runtime::prelude::*;

#[tool(readonly)]
fn add(a: f64) -> f64 {
    a
}

fn main() {}
