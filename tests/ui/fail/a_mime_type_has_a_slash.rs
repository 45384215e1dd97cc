use mcp_runtime::prelude::*;

#[resource("config://app", mime = "json")]
fn config() -> String {
    String::new()
}

fn main() {}
