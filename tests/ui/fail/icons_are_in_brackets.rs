use mcp_runtime::prelude::*;

#[tool(icons(mcp_runtime::Icon::new("https://example.com/icon.png")))]
fn show() {}

fn main() {}
