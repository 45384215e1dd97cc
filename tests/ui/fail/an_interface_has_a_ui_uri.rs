use mcp_runtime::prelude::*;

#[tool(ui = "https://example.com/page")]
fn show() {}

fn main() {}
