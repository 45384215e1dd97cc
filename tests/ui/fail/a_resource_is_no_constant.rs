use mcp_runtime::prelude::*;

#[resource("config://app")]
const CONFIG: &str = "debug = true";

fn main() {}
