use mcp_runtime::prelude::*;

#[tool(icons = "https://example.com/icon.png")]
fn show() {}

fn main() {}
