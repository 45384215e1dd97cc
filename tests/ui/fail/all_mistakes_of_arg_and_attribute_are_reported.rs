use mcp_runtime::prelude::*;

#[tool(read_only = "yes", destructive, name = "add numbers")]
fn add(
    #[arg(defualt = 1.0)] a: f64,
    #[arg(name = "")] b: f64,
    #[arg(default = 1.0, default = 2.0)] c: f64,
) -> f64 {
    a + b + c
}

fn main() {
    println!("{}", add(1.0, 2.0, 3.0));
}
