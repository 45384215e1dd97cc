use mcp_runtime::prelude::*;

const LIMIT: u64 = 30;

#[tool(timeout = LIMIT)]
async fn wait() {}

fn main() {}
