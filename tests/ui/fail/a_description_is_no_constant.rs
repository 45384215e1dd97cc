use mcp_runtime::prelude::*;

const ABOUT: &str = "Does nothing.";

#[tool(description = ABOUT)]
fn nothing() {}

fn main() {
    println!("{ABOUT}");
}
