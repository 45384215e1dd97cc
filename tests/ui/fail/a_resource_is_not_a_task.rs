use mcp_runtime::prelude::*;

#[resource("data://report", task)]
fn report() -> &'static str {
    "1, 2"
}

fn main() {}
