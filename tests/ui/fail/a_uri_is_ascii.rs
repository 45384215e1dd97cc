use mcp_runtime::prelude::*;

#[resource("menu://café")]
fn menu() -> &'static str {
    "coffee"
}

fn main() {}
