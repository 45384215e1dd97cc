use mcp_runtime::prelude::*;

#[tool]
fn add(#[arg(deafult = 1.0)] a: f64) -> f64 {
    a
}

fn main() {}
