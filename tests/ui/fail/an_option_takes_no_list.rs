use mcp_runtime::prelude::*;

#[tool(title("Add"))]
fn add(a: f64) -> f64 {
    a
}

fn main() {}
