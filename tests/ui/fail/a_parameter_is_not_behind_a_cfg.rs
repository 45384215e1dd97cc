use mcp_runtime::prelude::*;

#[tool]
fn add(a: f64, #[cfg(unix)] b: f64) -> f64 {
    a + b
}

fn main() {}
