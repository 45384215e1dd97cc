use mcp_runtime::prelude::*;

#[tool]
async fn add(a: f64, b: f64) -> f64 {
    a + c
}

fn main() {}
