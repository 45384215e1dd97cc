use mcp_runtime::prelude::*;

#[tool(annotations = Annotations::new())]
async fn look() {}

fn main() {}
