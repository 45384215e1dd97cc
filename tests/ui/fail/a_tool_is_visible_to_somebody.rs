use mcp_runtime::prelude::*;

#[tool(visibility = [])]
fn refresh() {}

fn main() {}
