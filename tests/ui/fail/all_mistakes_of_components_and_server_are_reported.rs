use mcp_runtime::prelude::*;

#[tool]
fn add(a: f64) -> f64 {
    a
}

fn main() {
    let _ = components![add(1.0)];
    let _ = components![add, sub];
    let _ = mcp_runtime::server!("calc");
    println!("{}", add(1.0));
}
