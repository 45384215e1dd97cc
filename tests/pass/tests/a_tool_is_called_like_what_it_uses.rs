use mcp_runtime::prelude::*;

use serde_json::json;

#[tool]
fn serde_json(text: String) -> String {
    serde_json::Value::from(text).to_string()
}

#[tool]
async fn tokio() -> u8 {
    tokio::task::yield_now().await;
    1
}

#[tool]
fn mcp_runtime(text: &str) -> mcp_runtime::Content {
    mcp_runtime::Content::text(text)
}

#[tool]
fn std() -> std::string::String {
    std::string::String::from("std")
}

#[tool]
fn core() -> u8 {
    core::cmp::max(1, 2)
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    let reply = client.call("serde_json", json!({ "text": "a" })).await?;
    assert_eq!(reply.text(), "\"a\"");
    assert_eq!(client.call("core", json!({})).await?.structured()["result"], 2);
    Ok(())
}
