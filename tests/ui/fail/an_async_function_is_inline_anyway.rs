use mcp_runtime::prelude::*;

#[tool(inline)]
async fn add(a: f64) -> f64 {
    a
}

fn main() {}
