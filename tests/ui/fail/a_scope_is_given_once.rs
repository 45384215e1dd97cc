use mcp_runtime::prelude::*;

#[tool(scopes("calendar", "calendar"))]
async fn note() {}

fn main() {}
