use mcp_runtime::prelude::*;

#[prompt(tags(weather))]
fn ask() -> &'static str {
    "Ask."
}

fn main() {}
