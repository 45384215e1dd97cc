use mcp_runtime::prelude::*;

#[prompt]
fn answer() -> u32 {
    42
}

fn main() {}
