use mcp_runtime::prelude::*;

#[tools]
struct Weather;

fn main() {}
