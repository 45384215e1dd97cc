use mcp_runtime::prelude::*;

#[resource("ui://page", app(csp_resources = ["*"]))]
fn page() -> &'static str {
    "<!doctype html>"
}

fn main() {}
