use mcp_runtime::prelude::*;

#[resource("data://numbers", cache(scope = public))]
fn numbers() -> &'static str {
    "1, 2"
}

fn main() {}
