use mcp_runtime::prelude::*;

#[resource(mime = "text/plain", "config://app")]
fn config() -> String {
    String::new()
}

fn main() {}
