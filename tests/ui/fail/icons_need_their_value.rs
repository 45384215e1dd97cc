use mcp_runtime::prelude::*;

#[prompt(icons)]
fn ask() -> &'static str {
    "Well?"
}

fn main() {}
