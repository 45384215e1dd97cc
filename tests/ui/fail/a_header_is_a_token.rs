use mcp_runtime::prelude::*;

#[tool]
fn query(#[arg(header = "My Region")] region: String) -> String {
    region
}

fn main() {}
