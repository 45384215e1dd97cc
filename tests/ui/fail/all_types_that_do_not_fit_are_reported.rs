use mcp_runtime::prelude::*;

struct Point {
    x: f64,
}

struct Line;

#[tool]
fn line(from: Point, #[arg(default = "x")] width: f64, to: Line) -> Line {
    assert!(from.x < width);
    to
}

fn main() {}
