use mcp_runtime::prelude::*;

#[resource("ui://page", app(csp_connect = ["https://a.example/v1"]))]
fn page() -> &'static str {
    "<!doctype html>"
}

fn main() {}
