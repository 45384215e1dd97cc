use mcp_runtime::prelude::*;

#[tool]
fn print<T: ToString>(value: f64) -> String {
    value.to_string()
}

fn main() {}
