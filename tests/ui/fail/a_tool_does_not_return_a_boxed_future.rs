use mcp_runtime::prelude::*;

use std::pin::Pin;

#[tool]
fn wait() -> Pin<Box<dyn Future<Output = String> + Send>> {
    Box::pin(async { String::new() })
}

fn main() {}
