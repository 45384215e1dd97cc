use mcp_runtime::prelude::*;

#[tool(readonly, title = Add, "sum", name = "a b")]
unsafe fn add<T>((a, b): (f64, f64), #[arg(defualt = 1)] c: f64) -> f64 {
    a + b + c
}

fn main() {}
