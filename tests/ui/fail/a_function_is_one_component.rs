use mcp_runtime::prelude::*;

#[tool]
#[prompt]
fn review(code: String) -> String {
    code
}

fn main() {}
