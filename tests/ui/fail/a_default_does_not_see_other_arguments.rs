use mcp_runtime::prelude::*;

#[tool]
fn add(a: f64, #[arg(default = a)] b: f64) -> f64 {
    a + b
}

fn main() {}
