use mcp_runtime::prelude::*;

#[resource("place://{name}")]
fn place(#[arg(nullable)] name: Option<String>) -> String {
    name.unwrap_or_default()
}

fn main() {}
