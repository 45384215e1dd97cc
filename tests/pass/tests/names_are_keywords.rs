use mcp_runtime::prelude::*;

use serde_json::json;

#[tool]
fn r#match(r#type: String, r#in: Option<u32>) -> String {
    format!("{type} {in:?}", type = r#type, in = r#in)
}

#[resource("as://{type}")]
fn r#as(r#type: String) -> String {
    r#type
}

#[prompt]
async fn r#loop(r#fn: String) -> String {
    r#fn
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    let reply = client.call("match", json!({ "type": "a", "in": 3 })).await?;
    assert_eq!(reply.text(), "a Some(3)");
    Ok(())
}
