use mcp_runtime::prelude::*;

#[resource("ui://page", app(csp_connect = ["http://a.example"]))]
fn page() -> &'static str {
    "<!doctype html>"
}

fn main() {}
