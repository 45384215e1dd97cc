use mcp_runtime::prelude::*;

#[resource("users://{id}/{section}")]
fn user(id: u32) -> String {
    id.to_string()
}

fn main() {}
