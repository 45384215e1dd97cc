use mcp_runtime::prelude::*;

#[tool(readonly)]
fn add(a: f64) -> f64 {
    a
}

#[resource("config")]
fn config() -> String {
    String::new()
}

#[prompt]
fn review() -> u32 {
    1
}

fn main() {}
