use mcp_runtime::prelude::*;

#[resource("config://app", size = "1 KB")]
fn config() -> String {
    String::new()
}

fn main() {}
