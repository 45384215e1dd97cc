use mcp_runtime::prelude::*;

#[tool]
fn wait() -> impl Future<Output = String> {
    async { String::new() }
}

fn main() {}
