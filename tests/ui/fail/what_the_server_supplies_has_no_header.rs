use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(header = "Count")] state: State<u32>) -> u32 {
    *state
}

fn main() {}
