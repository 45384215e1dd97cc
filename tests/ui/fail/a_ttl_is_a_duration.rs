use mcp_runtime::prelude::*;

#[resource("data://numbers", cache(ttl = "1 min"))]
fn numbers() -> &'static str {
    "1, 2"
}

fn main() {}
