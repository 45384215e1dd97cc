use mcp_runtime::prelude::*;

#[resource("config://app")]
fn config(verbose: bool) -> String {
    verbose.to_string()
}

fn main() {}
