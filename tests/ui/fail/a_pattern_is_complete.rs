use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(pattern = "^(a|b$")] _name: String) {}

fn main() {}
