use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(name = "counter")] state: State<u32>) -> u32 {
    *state
}

fn main() {}
