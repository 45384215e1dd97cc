use mcp_runtime::prelude::*;

#[resource("ui://page", app(csp_frames = ["'self'"]))]
fn page() -> &'static str {
    "<!doctype html>"
}

fn main() {}
