use mcp_runtime::prelude::*;

#[prompt]
fn review(code: String) {
    drop(code);
}

fn main() {}
