use mcp_runtime::prelude::*;

struct NotFound;

#[prompt]
async fn review() -> Result<String, NotFound> {
    Err(NotFound)
}

fn main() {}
