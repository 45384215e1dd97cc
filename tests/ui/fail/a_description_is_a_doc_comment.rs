use mcp_runtime::prelude::*;

#[tool]
fn add(#[arg(description = "The first addend.")] a: f64) -> f64 {
    a
}

fn main() {}
