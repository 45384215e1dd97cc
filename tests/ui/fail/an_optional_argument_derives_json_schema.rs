use mcp_runtime::prelude::*;

#[derive(serde::Deserialize)]
struct Point {
    x: f64,
}

#[tool]
fn norm(point: Option<Point>) -> f64 {
    point.map_or(0.0, |point| point.x)
}

fn main() {}
