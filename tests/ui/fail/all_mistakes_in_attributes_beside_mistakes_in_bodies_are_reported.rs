use mcp_runtime::prelude::*;

#[tool(readonly)]
fn add(a: f64, b: f64) -> f64 {
    let sum: u8 = a + b;
    a
}

#[tool]
async fn sub(a: f64, b: f64) -> f64 {
    let difference: String = a - b;
    b
}

fn main() {
    println!("{}", add(1.0, 2.0));
    let _ = sub;
}
