use mcp_runtime::prelude::*;

trait Calculator {
    #[tool]
    fn add(a: f64) -> f64 {
        a
    }
}

fn main() {}
