use mcp_runtime::prelude::*;

#[tool]
fn greet(name: &'static str) -> String {
    name.to_owned()
}

fn main() {}
