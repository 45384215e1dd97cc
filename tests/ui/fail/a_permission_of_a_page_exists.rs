use mcp_runtime::prelude::*;

#[resource("ui://page", app(permissions = ["camra"]))]
fn page() -> &'static str {
    "<!doctype html>"
}

fn main() {}
