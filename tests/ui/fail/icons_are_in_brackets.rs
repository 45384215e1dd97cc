use mcp_runtime::Icon;
use mcp_runtime::prelude::*;

#[tool(icons(Icon::new("https://example.com/icon.png")))]
fn show() {}

fn main() {}
