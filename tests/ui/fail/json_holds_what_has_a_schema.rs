use mcp_runtime::prelude::*;

#[derive(serde::Serialize)]
struct Point {
    x: f64,
}

#[tool]
fn origin() -> Json<Point> {
    Json(Point { x: 0.0 })
}

fn main() {}
