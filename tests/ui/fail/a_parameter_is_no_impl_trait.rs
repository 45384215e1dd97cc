use mcp_runtime::prelude::*;

#[tool]
fn add(numbers: impl IntoIterator<Item = f64>) -> f64 {
    numbers.into_iter().sum()
}

fn main() {}
