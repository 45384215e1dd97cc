use mcp_runtime::prelude::*;

#[tool(read_only idempotent)]
fn add(a: f64) -> f64 {
    a
}

fn main() {}
