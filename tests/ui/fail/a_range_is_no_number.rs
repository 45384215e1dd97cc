use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(range(5))] _number: u8) {}

fn main() {}
