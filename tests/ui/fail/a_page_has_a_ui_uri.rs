use mcp_runtime::prelude::*;

#[resource("page://sales", app)]
fn page() -> &'static str {
    "<!doctype html>"
}

fn main() {}
