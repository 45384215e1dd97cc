use mcp_runtime::prelude::*;

#[resource("users://{user_id}")]
fn user(userid: u32) -> String {
    userid.to_string()
}

fn main() {}
