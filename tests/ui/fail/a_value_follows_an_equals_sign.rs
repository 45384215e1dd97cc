use mcp_runtime::prelude::*;

#[tool(name: "nothing")]
fn none() {}

fn main() {}
