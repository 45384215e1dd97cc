use mcp_runtime::prelude::*;

#[resource("users/{id}")]
fn user(id: u32) -> String {
    id.to_string()
}

fn main() {}
