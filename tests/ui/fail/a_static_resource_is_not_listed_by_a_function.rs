use mcp_runtime::prelude::*;

fn configs() -> Vec<ResourceLink> {
    Vec::new()
}

#[resource("config://app", list = configs)]
fn config() -> String {
    String::new()
}

fn main() {}
