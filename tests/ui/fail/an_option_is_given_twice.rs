use mcp_runtime::prelude::*;

#[tool(title = "Add", title = "Sum")]
fn add(a: f64) -> f64 {
    a
}

fn main() {}
