use mcp_runtime::prelude::*;

#[prompt]
fn review(code: Option<String>) -> Option<String> {
    code
}

fn main() {}
