use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(pattern = "^[0-9]+$")] _number: u8) {}

fn main() {}
