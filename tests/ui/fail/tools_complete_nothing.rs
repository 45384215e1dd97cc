use mcp_runtime::prelude::*;

fn cities(_: mcp_runtime::Completion) -> Vec<String> {
    Vec::new()
}

#[tool]
fn weather(#[arg(complete = cities)] city: String) -> String {
    city
}

fn main() {}
