use mcp_runtime::prelude::*;

#[resource("ui://page", app, mime = "text/html")]
fn page() -> &'static str {
    "<!doctype html>"
}

fn main() {}
