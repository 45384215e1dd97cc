use mcp_runtime::prelude::*;

#[tool]
fn list(#[arg(flatten = "paging")] _paging: String) {}

fn main() {}
