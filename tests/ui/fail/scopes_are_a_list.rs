use mcp_runtime::prelude::*;

#[tool(scopes = "calendar:write")]
async fn note() {}

fn main() {}
