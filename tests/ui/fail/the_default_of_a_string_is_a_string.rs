use mcp_runtime::prelude::*;

const NAME: &str = "world";

#[tool]
fn greet(#[arg(default = NAME)] name: String) -> String {
    name
}

fn main() {}
