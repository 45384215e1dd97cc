use mcp_runtime::prelude::*;

#[prompt(timeout)]
fn ask() -> &'static str {
    "Ask."
}

fn main() {}
