use mcp_runtime::prelude::*;

/// Tell what the weather will be.
#[tools]
fn forecast(city: String) -> String {
    city
}

fn main() {}
