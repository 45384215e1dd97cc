use mcp_runtime::prelude::*;

#[tool]
fn add(#[arg(default = "one")] a: f64) -> f64 {
    a
}

fn main() {}
