use mcp_runtime::prelude::*;

#[tool(titel = "Add")]
async fn add((a, b): (f64, f64), _: f64) -> f64 {
    a + b
}

#[tokio::main]
async fn main() {
    println!("{}", add((1.0, 2.0), 3.0).await);
}
