use mcp_runtime::prelude::*;

fn users() -> u32 {
    0
}

#[resource("users://{id}", list = users)]
fn user(id: u32) -> String {
    id.to_string()
}

fn main() {}
