use mcp_runtime::prelude::*;

use mcp_runtime::{Context as Surroundings, Json as Data, State as Shared};
use serde_json::json;

type Maybe<T> = Option<T>;
type Result<T> = std::result::Result<T, ToolError>;
type Where = Surroundings;
type Counter = Shared<u32>;
type Numbers = Data<Vec<u32>>;

#[tool]
async fn count(start: Maybe<u32>, here: Where, there: Surroundings, counter: Counter) -> Result<Numbers> {
    let _ = (here.request_id(), there.revision());
    Ok(Data(vec![start.unwrap_or(1), *counter]))
}

#[resource("numbers://{start}")]
fn numbers(start: Maybe<u32>, counter: Counter) -> Result<Numbers> {
    Ok(Data(vec![start.unwrap_or_default(), *counter]))
}

#[prompt]
fn ask(start: Maybe<u32>, counter: Counter) -> Result<String> {
    Ok(format!("{start:?} {}", *counter))
}

#[tokio::test]
async fn it_runs() -> std::result::Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().state(7_u32).client().await;
    let reply = client.call("count", json!({})).await?;
    assert_eq!(reply.structured()["result"], json!([1, 7]));
    Ok(())
}
