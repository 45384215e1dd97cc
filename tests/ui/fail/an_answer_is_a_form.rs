use mcp_runtime::prelude::*;

#[tool]
async fn book(#[ask("When?")] time: String) -> String {
    time
}

fn main() {}
