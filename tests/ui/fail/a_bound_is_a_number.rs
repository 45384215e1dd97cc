use mcp_runtime::prelude::*;

const MOST: &str = "10";

#[tool]
fn count(#[arg(range(1..=MOST))] _number: u8) {}

fn main() {}
