use mcp_runtime::prelude::*;

#[tool]
fn text() -> str {
    panic!("later")
}

fn main() {}
