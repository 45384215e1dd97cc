use mcp_runtime::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Point {
    x: f64,
}

#[tool]
fn norm(#[arg(default)] point: Point) -> f64 {
    point.x
}

fn main() {}
