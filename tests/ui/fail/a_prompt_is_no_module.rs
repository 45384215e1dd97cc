use mcp_runtime::prelude::*;

#[prompt]
mod review {}

fn main() {}
