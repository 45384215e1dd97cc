use mcp_runtime::prelude::*;

#[resource]
fn config() -> String {
    String::new()
}

fn main() {}
