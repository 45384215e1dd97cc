use futures_util::stream::{self, Stream, StreamExt};
use mcp_runtime::prelude::*;

#[tool]
async fn words(text: &str) -> impl Stream<Item = String> {
    stream::iter(text.split(' ')).map(str::to_owned)
}

fn main() {}
