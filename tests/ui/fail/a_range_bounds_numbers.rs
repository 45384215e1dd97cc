use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(range(1..=10))] _name: String) {}

fn main() {}
