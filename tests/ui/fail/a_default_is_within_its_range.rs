use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(range(1..=10), default = 11)] _number: u8) {}

fn main() {}
