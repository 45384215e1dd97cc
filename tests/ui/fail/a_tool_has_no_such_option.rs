use mcp_runtime::prelude::*;

#[tool(mime = "text/plain")]
fn add(a: f64) -> f64 {
    a
}

fn main() {}
