use mcp_runtime::prelude::*;

type Names = Option<Vec<String>>;

#[tool]
fn count(#[arg(range(1..=10))] _names: Names) {}

fn main() {}
