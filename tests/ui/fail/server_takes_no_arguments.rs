use mcp_runtime::prelude::*;

#[tool]
fn add(a: f64) -> f64 {
    a
}

fn main() {
    let _ = mcp_runtime::server!("calc", "1.0.0");
}
