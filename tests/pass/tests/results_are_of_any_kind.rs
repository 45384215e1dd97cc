use mcp_runtime::prelude::*;

use std::borrow::Cow;

use serde_json::json;

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Point {
    x: f64,
}

#[tool]
fn nothing() {}

#[tool]
fn unit() -> () {}

#[tool]
fn text() -> String {
    "text".to_owned()
}

#[tool]
fn borrowed() -> &'static str {
    "text"
}

#[tool]
fn cow() -> Cow<'static, str> {
    "text".into()
}

#[tool]
async fn number() -> i128 {
    1
}

#[tool]
async fn truth() -> bool {
    true
}

#[tool]
fn point() -> Json<Point> {
    Json(Point { x: 1.0 })
}

#[tool]
async fn points() -> Result<Json<Vec<Point>>, ToolError> {
    Ok(Json(vec![Point { x: 1.0 }]))
}

#[tool]
fn image() -> Image {
    Image::new(vec![1, 2, 3], "image/png")
}

#[tool]
fn content() -> Content {
    Content::text("text")
}

#[tool]
fn contents() -> Vec<Content> {
    vec![Content::text("text"), Image::new(vec![1], "image/png").into()]
}

#[tool]
fn texts() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

#[tool]
fn tuple() -> (&'static str, Image, Content) {
    ("text", Image::new(vec![1], "image/png"), Content::text("text"))
}

#[tool]
fn optional() -> Option<Json<Point>> {
    None
}

#[tool]
async fn all() -> Result<Option<(String, Image)>, ToolError> {
    Ok(None)
}

#[tool]
fn full() -> ToolResult {
    ToolResult::new().content("text")
}

#[tool]
fn failed() -> ToolError {
    ToolError::new("failed")
}

#[tool]
fn opaque() -> impl mcp_runtime::IntoToolResult {
    "text"
}

#[resource("a://bytes")]
fn bytes() -> Vec<u8> {
    vec![0]
}

#[resource("a://json")]
fn json() -> Json<Vec<u8>> {
    Json(vec![0])
}

#[resource("a://static")]
async fn constant() -> &'static str {
    "text"
}

#[resource("a://parts")]
async fn parts() -> Result<Vec<ResourceContents>, std::io::Error> {
    Ok(vec![ResourceContents::text("text")])
}

#[resource("a://optional")]
async fn maybe() -> Option<String> {
    None
}

#[prompt]
fn conversation(language: Option<String>) -> Vec<Message> {
    vec![
        Message::user(language.unwrap_or_default()),
        Message::assistant(Image::new(vec![1], "image/png")),
    ]
}

#[prompt]
async fn pair() -> Result<[Message; 2], ToolError> {
    Ok([Message::user("a"), Message::assistant("b")])
}

#[prompt]
async fn picture() -> Image {
    Image::new(vec![1], "image/png")
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    assert_eq!(client.call("texts", json!({})).await?.text(), "a\nb");
    assert_eq!(client.call("number", json!({})).await?.structured()["result"], 1);
    assert_eq!(client.call("points", json!({})).await?.structured()["result"][0]["x"], 1.0);
    Ok(())
}
