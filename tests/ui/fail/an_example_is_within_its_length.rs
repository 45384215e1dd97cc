use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(length(..=3), example = "four")] _name: String) {}

fn main() {}
