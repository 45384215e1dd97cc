use mcp_runtime::prelude::*;

struct NotFound;

#[resource("config://app")]
async fn config() -> Result<String, NotFound> {
    Err(NotFound)
}

fn main() {}
