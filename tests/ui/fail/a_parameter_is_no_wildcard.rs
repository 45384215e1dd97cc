use mcp_runtime::prelude::*;

#[tool]
fn add(_: f64) -> f64 {
    1.0
}

fn main() {}
