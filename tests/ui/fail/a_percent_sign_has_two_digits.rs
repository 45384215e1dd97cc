use mcp_runtime::prelude::*;

#[resource("rates://100%")]
fn rate() -> &'static str {
    "all"
}

fn main() {}
