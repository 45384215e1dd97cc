use mcp_runtime::prelude::*;

struct Point {
    x: f64,
}

#[tool]
fn origin() -> Result<Point, String> {
    Ok(Point { x: 0.0 })
}

fn main() {}
