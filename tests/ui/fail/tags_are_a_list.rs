use mcp_runtime::prelude::*;

#[tool(tags = ["weather"])]
async fn forecast() {}

fn main() {}
