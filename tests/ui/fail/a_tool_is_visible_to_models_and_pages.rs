use mcp_runtime::prelude::*;

#[tool(visibility = ["user"])]
fn refresh() {}

fn main() {}
