use std::pin::Pin;

use futures_util::stream::{self, Stream};
use mcp_runtime::prelude::*;

#[tool]
async fn texts() -> impl Stream<Item = &'static str> {
    stream::empty()
}

#[tool]
fn from_a_thread() -> impl Stream<Item = Image> {
    stream::empty()
}

#[tool(inline)]
fn boxed() -> Pin<Box<dyn Stream<Item = Content> + Send>> {
    Box::pin(stream::empty())
}

#[tool]
async fn of_results() -> impl Stream<Item = Result<String, std::io::Error>> {
    stream::empty()
}

#[tool]
async fn perhaps() -> Result<Option<impl Stream<Item = Result<Audio, ToolError>>>, ToolError> {
    Ok(Some(stream::empty()))
}

#[tool]
async fn owning(text: &str) -> impl Stream<Item = String> + use<> {
    stream::iter([text.to_owned()])
}

#[test]
fn it_runs() {
    let _ = components![texts, from_a_thread, boxed, of_results, perhaps, owning];
}
