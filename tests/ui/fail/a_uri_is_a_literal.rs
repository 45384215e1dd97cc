use mcp_runtime::prelude::*;

const URI: &str = "config://app";

#[resource(URI)]
fn config() -> String {
    String::new()
}

fn main() {}
