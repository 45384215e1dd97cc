use mcp_runtime::prelude::*;

#[resource("data://numbers", tags("weather", "beta", "weather"))]
fn numbers() -> &'static str {
    "1, 2"
}

fn main() {}
