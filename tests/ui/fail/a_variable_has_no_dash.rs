use mcp_runtime::prelude::*;

#[resource("users://{user-id}")]
fn user(user_id: u32) -> String {
    user_id.to_string()
}

fn main() {}
