use mcp_runtime::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Paging {
    pub limit: u8,
}

#[tool]
fn list(#[arg(flatten)] paging: Paging) -> u8 {
    paging.limit
}

fn main() {}
