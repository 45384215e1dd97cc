use mcp_runtime::{Completion, prelude::*};

struct Database;

fn cities(_: Completion, _: &Database) -> Vec<String> {
    Vec::new()
}

#[prompt]
fn weather(#[arg(complete = cities)] city: String) -> String {
    city
}

fn main() {}
