use mcp_runtime::prelude::*;

#[resource("data://numbers", timeout = "30s")]
fn numbers() -> &'static str {
    "1, 2"
}

fn main() {}
