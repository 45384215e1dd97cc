use mcp_runtime::prelude::*;

#[resource("config://answer")]
fn answer() -> u32 {
    42
}

fn main() {}
