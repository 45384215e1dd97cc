use mcp_runtime::prelude::*;

fn cities(_: mcp_runtime::Completion) -> Vec<String> {
    Vec::new()
}

#[prompt]
fn weather(#[arg(complete = cities())] city: String) -> String {
    city
}

fn main() {}
