use mcp_runtime::prelude::*;

#[prompt]
fn review(code: String) -> Vec<String> {
    vec![code]
}

fn main() {}
