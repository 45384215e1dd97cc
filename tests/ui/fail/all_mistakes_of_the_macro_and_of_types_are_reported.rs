use mcp_runtime::prelude::*;

struct Point {
    x: f64,
}

#[tool]
fn shift(point: Point) -> Point {
    Point { x: point.x + 1.0 }
}

#[tool(readonly)]
fn show(point: f64) -> String {
    shift(Point { x: point }).x.to_string()
}

fn main() {
    println!("{}", show(1.0));
}
