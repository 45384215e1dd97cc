use mcp_runtime::prelude::*;

#[resource(concat!("config://", "app"))]
fn config() -> String {
    String::new()
}

fn main() {}
