use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(range(10..=1))] _number: u8) {}

fn main() {}
