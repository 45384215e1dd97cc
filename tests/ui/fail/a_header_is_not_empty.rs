use mcp_runtime::prelude::*;

#[tool]
fn query(#[arg(header = "")] region: String) -> String {
    region
}

fn main() {}
