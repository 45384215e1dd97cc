use mcp_runtime::prelude::*;

#[resource("data://numbers", cache(ttl = 60, scope = "shared"))]
fn numbers() -> &'static str {
    "1, 2"
}

fn main() {}
