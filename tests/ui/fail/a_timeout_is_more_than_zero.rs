use mcp_runtime::prelude::*;

#[tool(timeout = 0)]
async fn wait() {}

fn main() {}
