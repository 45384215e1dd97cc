use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(pattern = "(?i)^[a-z]+$")] _name: String) {}

fn main() {}
