use mcp_runtime::prelude::*;

#[resource("data://numbers", cache(ttl = 60, max_age = 60))]
fn numbers() -> &'static str {
    "1, 2"
}

fn main() {}
