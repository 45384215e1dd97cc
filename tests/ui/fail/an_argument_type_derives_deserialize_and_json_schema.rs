use mcp_runtime::prelude::*;

struct Point {
    x: f64,
}

#[tool]
fn norm(point: Point) -> f64 {
    point.x
}

fn main() {}
