use mcp_runtime::prelude::*;

type Limit = Option<u8>;

#[tool]
fn list(#[arg(flatten)] _limit: Limit) {}

fn main() {}
