use mcp_runtime::prelude::*;

#[prompt]
fn ask(#[arg(nullable)] topic: Option<String>) -> String {
    topic.unwrap_or_default()
}

fn main() {}
