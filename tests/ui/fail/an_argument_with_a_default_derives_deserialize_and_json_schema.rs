use mcp_runtime::prelude::*;

#[derive(Default)]
struct Point {
    x: f64,
}

#[tool]
fn norm(#[arg(default)] point: Point) -> f64 {
    point.x
}

fn main() {}
