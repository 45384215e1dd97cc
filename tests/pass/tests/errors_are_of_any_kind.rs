use mcp_runtime::prelude::*;

use std::error::Error;
use std::fmt;

use serde_json::json;

/// An error like `anyhow::Error`: does not implement `Error`, but converts into a boxed error.
#[derive(Debug)]
struct Anyhow(String);

impl From<Anyhow> for Box<dyn Error + Send + Sync> {
    fn from(error: Anyhow) -> Self {
        error.0.into()
    }
}

impl<E: Error> From<E> for Anyhow {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

#[derive(Debug)]
struct NotFound;

impl fmt::Display for NotFound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not found")
    }
}

impl Error for NotFound {}

#[tool]
async fn anyhow(text: String) -> Result<i64, Anyhow> {
    Ok(text.parse::<i64>()?)
}

#[tool]
async fn own() -> Result<String, NotFound> {
    Err(NotFound)
}

#[tool]
fn io(path: String) -> Result<String, std::io::Error> {
    std::fs::read_to_string(path)
}

#[tool]
fn io_alias(path: String) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

#[tool]
fn text() -> Result<(), String> {
    Err("failed".to_owned())
}

#[tool]
fn borrowed() -> Result<(), &'static str> {
    Err("failed")
}

#[tool]
fn boxed(text: &str) -> Result<f64, Box<dyn Error + Send + Sync>> {
    if text.is_empty() {
        return Err("empty".into());
    }
    Ok(text.parse()?)
}

#[tool]
async fn ours(text: &str) -> Result<f64, ToolError> {
    if text.is_empty() {
        return Err(ToolError::new("empty"));
    }
    Ok(text.parse::<f64>()?)
}

#[resource("config://{name}")]
async fn config(name: String) -> Result<Option<String>, Anyhow> {
    Ok(name.parse::<u32>().map(|number| Some(number.to_string()))?)
}

#[prompt]
fn ask(code: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    Ok(code.parse::<u32>()?.to_string())
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    let reply = client.call("anyhow", json!({ "text": "x" })).await?;
    assert_eq!(reply.text(), "invalid digit found in string");
    assert_eq!(client.call("own", json!({})).await?.text(), "not found");
    assert_eq!(client.call("boxed", json!({ "text": "" })).await?.text(), "empty");
    Ok(())
}
