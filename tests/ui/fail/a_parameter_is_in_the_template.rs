use mcp_runtime::prelude::*;

#[resource("users://{id}")]
fn user(id: u32, section: String) -> String {
    format!("{id} {section}")
}

fn main() {}
