use mcp_runtime::prelude::*;

#[tool]
fn count(#[cfg_attr(unix, arg(default))] number: u8) -> u8 {
    number
}

fn main() {}
