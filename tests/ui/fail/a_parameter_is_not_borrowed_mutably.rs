use mcp_runtime::prelude::*;

#[tool]
fn add(numbers: &mut Vec<f64>) -> f64 {
    numbers.drain(..).sum()
}

fn main() {}
