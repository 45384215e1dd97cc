use mcp_runtime::prelude::*;

#[resource("users://{id:3}")]
fn user(id: String) -> String {
    id
}

fn main() {}
