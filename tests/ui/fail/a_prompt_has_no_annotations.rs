use mcp_runtime::prelude::*;

#[prompt(annotations = Annotations::new())]
fn ask() -> &'static str {
    "Ask."
}

fn main() {}
