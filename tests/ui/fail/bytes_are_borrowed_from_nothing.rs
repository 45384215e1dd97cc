use mcp_runtime::prelude::*;

#[tool]
fn count(bytes: &[u8]) -> usize {
    bytes.len()
}

fn main() {}
