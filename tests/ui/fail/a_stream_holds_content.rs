use futures_util::stream::{self, Stream};
use mcp_runtime::prelude::*;

struct Point;

#[tool]
async fn points() -> impl Stream<Item = Point> {
    stream::empty()
}

fn main() {}
