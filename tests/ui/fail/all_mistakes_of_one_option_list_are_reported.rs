use mcp_runtime::prelude::*;

#[tool(name = , title(Add), read_only = 1, "add", read_only, strict = true, strict)]
fn add(a: f64) -> f64 {
    a
}

fn main() {
    println!("{}", add(1.0));
}
