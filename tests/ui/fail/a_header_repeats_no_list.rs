use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(header = "Names")] _names: Option<Vec<String>>) {}

fn main() {}
