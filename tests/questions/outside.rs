//! Questions outside of a call, whose answers cannot arrive: the outcome is an error, and nothing hangs.

use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{Components, Revision};
use mcp_tests::client::Connect as _;
use serde_json::json;

use super::caller::{Caller, server};
use super::forms::text;

const TIMEOUT: Duration = Duration::from_secs(10);

async fn spawned(context: Context) -> Result<String, ToolError> {
    let task = tokio::spawn(async move { text(&context, "what").await });
    Ok(format!("{:?}", task.await?))
}

#[tokio::test]
async fn in_a_task_of_its_own() {
    let caller = Caller::of(server(spawned)).await;
    let result = tokio::time::timeout(TIMEOUT, caller.call())
        .await
        .expect("the call hangs");
    assert_eq!(result["content"][0]["text"], "Err(OutsideCall)");
}

/// Asks from a thread.
#[tool(name = "tool")]
fn blocking(context: Context) -> Result<String, ToolError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(format!("{:?}", runtime.block_on(text(&context, "what"))))
}

fn threaded() -> Server {
    let components: Components = mcp_runtime::components![blocking];
    Server::new("blocking", "1.0.0").with(components)
}

#[tokio::test]
async fn on_a_thread_that_blocks() {
    let caller = Caller::of(threaded()).await;
    let result = tokio::time::timeout(TIMEOUT, caller.call())
        .await
        .expect("the call hangs");
    assert_eq!(result["content"][0]["text"], "Err(OutsideCall)");
}

#[tokio::test]
async fn on_a_thread_inside_of_the_handler() {
    let caller = Caller::of(server(|context| async move {
        let handle = tokio::runtime::Handle::current();
        let asked = tokio::task::spawn_blocking(move || handle.block_on(text(&context, "what")));
        Ok(format!("{:?}", asked.await?))
    }))
    .await;
    let result = tokio::time::timeout(TIMEOUT, caller.call())
        .await
        .expect("the call hangs");
    assert_eq!(result["content"][0]["text"], "Err(OutsideCall)");
}

/// A context that outlives its call does not ask on behalf of another call.
#[tokio::test]
async fn in_another_call() {
    use std::sync::{Arc, Mutex};
    let kept: Arc<Mutex<Option<Context>>> = Arc::default();
    let caller = Caller::of(server(move |context| {
        let before = kept.lock().unwrap().replace(context.clone());
        async move {
            Ok(match before {
                None => "kept".to_owned(),
                Some(before) => format!("{:?}", text(&before, "what").await),
            })
        }
    }))
    .await;
    caller.call().await;
    let result = tokio::time::timeout(TIMEOUT, caller.call())
        .await
        .expect("the call hangs");
    assert_eq!(result["content"][0]["text"], "Err(OutsideCall)");
}

/// In the legacy era, too, no question is sent for a thread.
#[tokio::test]
async fn in_a_session() {
    for server in [threaded(), server(spawned)] {
        let client = server.connect().revision(Revision::V2025_11_25).await;
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": "test", "version": "1" },
        });
        client.request("initialize", params).await.unwrap();
        let call = client.call("tool", json!({}));
        let reply = tokio::time::timeout(TIMEOUT, call)
            .await
            .expect("the call hangs")
            .unwrap();
        assert_eq!(reply.text(), "Err(OutsideCall)");
    }
}
