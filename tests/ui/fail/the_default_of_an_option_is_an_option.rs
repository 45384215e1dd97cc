use mcp_runtime::prelude::*;

#[tool]
fn greet(#[arg(default = 3)] times: Option<u32>) -> u32 {
    times.unwrap_or(1)
}

fn main() {}
