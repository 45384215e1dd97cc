use mcp_runtime::prelude::*;

#[resource("data://numbers", ui = "ui://page")]
fn numbers() -> &'static str {
    "1, 2"
}

fn main() {}
