use mcp_runtime::prelude::*;

#[tool(layer = [])]
async fn f() {}

fn main() {}
