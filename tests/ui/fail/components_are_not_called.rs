use mcp_runtime::prelude::*;

#[tool]
fn add(a: f64) -> f64 {
    a
}

fn main() {
    let _ = components![add()];
}
