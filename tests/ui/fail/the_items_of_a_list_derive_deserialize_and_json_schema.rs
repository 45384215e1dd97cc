use mcp_runtime::prelude::*;

struct Point {
    x: f64,
}

#[tool]
fn total(points: Vec<Point>) -> f64 {
    points.iter().map(|point| point.x).sum()
}

fn main() {}
