use mcp_runtime::prelude::*;

#[derive(Debug)]
struct NotFound;

#[tool]
fn find(name: String) -> Result<String, NotFound> {
    Err(NotFound)
}

fn main() {}
