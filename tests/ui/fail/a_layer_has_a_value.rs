use mcp_runtime::prelude::*;

#[resource("data://numbers", layer)]
async fn f() -> String {
    String::new()
}

fn main() {}
