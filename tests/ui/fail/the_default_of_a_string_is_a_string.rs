use mcp_runtime::prelude::*;

#[tool]
fn greet(#[arg(default = "world")] name: String) -> String {
    name
}

fn main() {}
