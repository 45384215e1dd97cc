use mcp_runtime::prelude::*;

struct Greeting(String);

#[tool]
fn greet(State(greeting): State<Greeting>) -> String {
    String::new()
}

fn main() {}
