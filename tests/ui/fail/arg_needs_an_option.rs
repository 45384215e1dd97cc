use mcp_runtime::prelude::*;

#[tool]
fn add(#[arg] a: f64) -> f64 {
    a
}

fn main() {}
