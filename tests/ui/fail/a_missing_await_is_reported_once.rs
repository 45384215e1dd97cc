use mcp_runtime::prelude::*;

async fn load() -> String {
    String::new()
}

#[tool]
async fn text() -> String {
    load()
}

fn main() {}
