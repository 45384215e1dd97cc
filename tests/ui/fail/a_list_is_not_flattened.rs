use mcp_runtime::prelude::*;

#[tool]
fn list(#[arg(flatten)] _names: Vec<String>) {}

fn main() {}
