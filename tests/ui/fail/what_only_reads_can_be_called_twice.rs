use mcp_runtime::prelude::*;

#[tool(read_only, idempotent = false)]
async fn look() {}

fn main() {}
