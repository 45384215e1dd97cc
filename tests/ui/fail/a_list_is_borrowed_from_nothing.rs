use mcp_runtime::prelude::*;

#[tool]
fn total(numbers: &[f64]) -> f64 {
    numbers.iter().sum()
}

fn main() {}
