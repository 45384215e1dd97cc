use mcp_runtime::prelude::*;

#[tool]
fn count(#[arg(length(0.5..))] _name: &str) {}

fn main() {}
