use mcp_runtime::prelude::*;

struct Point {
    x: f64,
}

#[resource("config://app")]
fn config(point: Point) -> String {
    point.x.to_string()
}

fn main() {}
