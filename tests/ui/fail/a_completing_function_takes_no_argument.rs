use mcp_runtime::prelude::*;

fn cities(start: String) -> Vec<String> {
    vec![start]
}

#[prompt]
fn weather(#[arg(complete = cities)] city: String) -> String {
    city
}

fn main() {}
