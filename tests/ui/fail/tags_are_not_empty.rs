use mcp_runtime::prelude::*;

#[tool(tags())]
async fn forecast() {}

fn main() {}
