use mcp_runtime::prelude::*;

#[tool]
fn add(a: f64) -> f64;

fn main() {}
