use mcp_runtime::prelude::*;

#[tool]
fn greet(name: str) -> String {
    name.to_owned()
}

fn main() {}
