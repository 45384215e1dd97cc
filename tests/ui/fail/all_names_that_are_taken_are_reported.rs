use mcp_runtime::prelude::*;

#[tool]
fn add(#[arg(name = "b")] a: f64, b: f64, #[arg(name = "b")] c: f64) -> f64 {
    a + b + c
}

#[tool]
fn send(#[arg(header = "A")] a: String, #[arg(header = "a")] b: String) -> String {
    a + &b
}

fn main() {
    println!("{}{}", add(1.0, 2.0, 3.0), send(String::new(), String::new()));
}
