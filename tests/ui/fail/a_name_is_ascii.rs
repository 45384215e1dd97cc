use mcp_runtime::prelude::*;

#[tool]
fn größe(text: String) -> usize {
    text.len()
}

fn main() {}
