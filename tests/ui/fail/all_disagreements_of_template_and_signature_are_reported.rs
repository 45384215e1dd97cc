use mcp_runtime::prelude::*;

#[resource("users://{id}/{section}{?limit}")]
fn user(user: u32, sction: String) -> String {
    format!("{user} {sction}")
}

fn main() {}
