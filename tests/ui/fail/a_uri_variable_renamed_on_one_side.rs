use mcp_runtime::prelude::*;

#[resource("users://{id}")]
fn user(#[arg(name = "user")] id: String) -> String {
    id
}

fn main() {}
