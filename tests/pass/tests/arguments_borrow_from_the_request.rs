use mcp_runtime::prelude::*;

use std::borrow::Cow;

use serde_json::json;

#[tool]
fn elided(a: &str, b: Cow<str>, c: Option<&str>) -> String {
    format!("{a}{b}{c:?}")
}

#[tool]
async fn named<'a, 'b>(a: &'a str, b: &'b str, c: Cow<'a, str>) -> String {
    format!("{a}{b}{c}")
}

#[tool]
fn returned<'a>(text: &'a str, _other: &str) -> &'a str {
    text
}

#[tool]
async fn returned_later(text: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(text))
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Page<'a> {
    #[serde(borrow)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    author: Option<Cow<'a, str>>,
}

#[tool]
fn page<'a>(page: Page<'a>) -> String {
    format!("{} {:?}", page.title, page.author)
}

#[resource("text://{part}")]
fn text<'a>(part: &'a str) -> &'a str {
    part
}

#[prompt]
fn ask<'a>(code: &'a str, language: Option<&'a str>) -> Result<&'a str, &'static str> {
    language.map_or(Ok(code), Ok)
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    let reply = client.call("elided", json!({ "a": "\n", "b": "\"", "c": "ü" })).await?;
    assert_eq!(reply.text(), "\n\"Some(\"ü\")");
    assert_eq!(client.call("returned", json!({ "text": "a\u{1}b", "_other": "" })).await?.text(), "a\u{1}b");
    Ok(())
}
