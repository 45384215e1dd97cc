use mcp_runtime::prelude::*;

#[derive(Debug)]
struct NotFound;

#[tool]
fn find(name: String) -> Result<String, NotFound> {
    if name.is_empty() { Err(NotFound) } else { Ok(name) }
}

fn main() {}
