use mcp_runtime::prelude::*;

#[resource("config://app", mime = "text/plain and more")]
fn config() -> String {
    String::new()
}

fn main() {}
