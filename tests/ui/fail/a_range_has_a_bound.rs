use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(range(..))] _number: u8) {}

fn main() {}
