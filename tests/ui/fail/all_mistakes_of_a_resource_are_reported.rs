use mcp_runtime::prelude::*;

#[resource("users/{id}/{}", mime = "json", size = "1", nmae = "user")]
fn user(id: &mut u32, #[arg] section: String) -> String {
    format!("{id} {section}")
}

fn main() {}
