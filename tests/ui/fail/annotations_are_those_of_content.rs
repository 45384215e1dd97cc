use mcp_runtime::prelude::*;

#[resource("data://numbers", annotations = "important")]
fn numbers() -> &'static str {
    "1, 2"
}

fn main() {}
