use mcp_runtime::prelude::*;

struct Point;

struct Map;

#[tools]
impl Map {
    #[tool]
    fn show(&self, at: Point) -> String {
        let Point = at;
        String::new()
    }

    #[tool]
    async fn middle(&self) -> Point {
        Point
    }

    #[prompt]
    fn way(&self, steps: u8) -> u8 {
        steps
    }
}

fn main() {
    println!("{}{}", Map.show(Point), Map.way(1));
    let _ = mcp_runtime::server!().with(Map);
}
