use mcp_runtime::prelude::*;

use serde_json::json;

#[tool]
fn sort(mut numbers: Vec<i64>, mut first: i64, _unused: Option<u8>, mut context: Context) -> String {
    numbers.sort_unstable();
    first += numbers.iter().sum::<i64>();
    context = context.clone();
    format!("{first} {}", context.request_id())
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    let reply = client.call("sort", json!({ "numbers": [3, 1, 2], "first": 4 })).await?;
    assert!(reply.text().starts_with("10 "));
    Ok(())
}
