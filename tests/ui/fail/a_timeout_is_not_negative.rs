use mcp_runtime::prelude::*;

#[tool(timeout = -1)]
fn nothing() {}

fn main() {}
