use mcp_runtime::prelude::*;

#[tool]
fn add(
    #[arg(default = "1")] a: f64,
    #[arg(default = 1)] b: f64,
    #[arg(default = 1)] text: String,
) -> String {
    format!("{a}{b}{text}")
}

fn main() {
    println!("{}", add(1.0, 2.0, String::new()));
}
