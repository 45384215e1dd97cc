use mcp_runtime::prelude::*;

#[resource("data://numbers", cache = 60)]
fn numbers() -> &'static str {
    "1, 2"
}

fn main() {}
