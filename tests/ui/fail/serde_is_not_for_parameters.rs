use mcp_runtime::prelude::*;

#[tool]
fn greet(#[serde(default)] name: String) -> String {
    name
}

fn main() {}
