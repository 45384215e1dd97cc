use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(example = "one")] _number: u8) {}

fn main() {}
