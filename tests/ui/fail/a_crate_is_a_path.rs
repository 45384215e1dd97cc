use mcp_runtime::prelude::*;

#[tool(crate = "mcp_runtime")]
fn add(a: f64) -> f64 {
    a
}

fn main() {}
