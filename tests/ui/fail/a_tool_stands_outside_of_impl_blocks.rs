use mcp_runtime::prelude::*;

struct Calculator;

impl Calculator {
    #[tool]
    fn add(a: f64) -> f64 {
        a
    }
}

fn main() {}
