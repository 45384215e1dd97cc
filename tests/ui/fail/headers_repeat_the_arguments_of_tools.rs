use mcp_runtime::prelude::*;

#[prompt]
fn ask(#[arg(header = "Region")] region: String) -> String {
    region
}

fn main() {}
