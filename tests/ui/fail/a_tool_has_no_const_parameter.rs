use mcp_runtime::prelude::*;

#[tool]
fn print<const N: usize>(value: f64) -> String {
    value.to_string()
}

fn main() {}
