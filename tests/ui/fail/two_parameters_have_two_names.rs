use mcp_runtime::prelude::*;

#[tool]
fn add(a: f64, #[arg(name = "a")] b: f64) -> f64 {
    a + b
}

fn main() {}
