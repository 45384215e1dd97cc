use mcp_runtime::prelude::*;

type Ratio = f64;

#[tool]
fn count(#[arg(header = "Ratio")] _ratio: Ratio) {}

fn main() {}
