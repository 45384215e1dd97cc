use mcp_runtime::prelude::*;

struct User(u32);

#[resource("users://{id}")]
fn user(id: User) -> String {
    id.0.to_string()
}

fn main() {}
