use mcp_runtime::prelude::*;

#[resource("ui://page", app(script_src = ["https://a.example"]))]
fn page() -> &'static str {
    "<!doctype html>"
}

fn main() {}
