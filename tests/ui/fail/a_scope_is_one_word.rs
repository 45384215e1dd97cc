use mcp_runtime::prelude::*;

#[tool(scopes("calendar:read calendar:write"))]
async fn note() {}

fn main() {}
