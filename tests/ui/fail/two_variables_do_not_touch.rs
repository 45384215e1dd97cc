use mcp_runtime::prelude::*;

#[resource("days://{month}{day}")]
fn day(month: u8, day: u8) -> String {
    format!("{month}-{day}")
}

fn main() {}
