use mcp_runtime::prelude::*;

#[tool]
struct Add {
    a: f64,
}

fn main() {}
