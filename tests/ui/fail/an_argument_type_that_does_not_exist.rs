use mcp_runtime::prelude::*;

#[tool]
fn norm(point: Piont) -> f64 {
    0.0
}

fn main() {}
