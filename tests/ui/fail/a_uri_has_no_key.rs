use mcp_runtime::prelude::*;

#[resource(uri = "config://app")]
fn config() -> String {
    String::new()
}

fn main() {}
