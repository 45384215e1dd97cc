use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(length(1..=10))] _number: Option<u8>) {}

fn main() {}
