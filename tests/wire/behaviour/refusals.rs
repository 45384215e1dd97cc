//! Information that errors must not reveal, and refusals under load.

use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::{ClientError, Limits};
use mcp_tests::client::Connect as _;
use serde_json::json;

#[tokio::test]
async fn masked_errors_show_only_what_is_meant_for_the_model() {
    let client = mcp_tests::fixture::server().mask_errors().connect().await;
    let fails = client.call("fails", json!({})).await.unwrap();
    assert!(
        fails.is_error() && !fails.text().contains("fire") && fails.text().contains("reference"),
        "{}",
        fails.text()
    );
    let polite = client.call("fails_politely", json!({})).await.unwrap();
    assert_eq!(polite.text(), "try again tomorrow");
    let refused = client.call("half", json!({})).await.unwrap();
    assert!(
        refused.text().contains("`number` is missing"),
        "{}",
        refused.text()
    );
    let broken = client.read("broken://it").await.unwrap_err();
    assert!(!broken.to_string().contains("fire"), "{broken}");
}

#[tokio::test]
async fn a_full_server_reads_gets_and_completes_nothing_either() {
    let mut limits = Limits::default();
    limits.requests = 1;
    let client = Arc::new(mcp_tests::fixture::server().limits(limits).connect().await);
    let caller = Arc::clone(&client);
    let call =
        tokio::spawn(async move { caller.call("wait", json!({ "milliseconds": 300 })).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let reference = json!({ "type": "ref/prompt", "name": "greet" });
    let completion = json!({ "ref": reference, "argument": { "name": "name", "value": "" } });
    let requests = [
        ("completion/complete", completion),
        ("resources/read", json!({ "uri": "text://readme" })),
        ("prompts/get", json!({ "name": "talk" })),
    ];
    for (method, params) in &requests {
        match client.request(method, params.clone()).await {
            Err(ClientError::Rpc { code: -32603, .. }) => {}
            other => panic!("{method}: {other:?}"),
        }
    }
    assert!(call.await.unwrap().is_ok());
    for (method, params) in requests {
        assert!(client.request(method, params).await.is_ok(), "{method}");
    }
}

#[tokio::test]
async fn a_full_server_refuses_and_recovers() {
    let mut limits = Limits::default();
    limits.requests = 2;
    let client = Arc::new(mcp_tests::fixture::server().limits(limits).connect().await);
    let busy = |milliseconds: u64| {
        let client = Arc::clone(&client);
        tokio::spawn(async move {
            client
                .call("wait", json!({ "milliseconds": milliseconds }))
                .await
        })
    };
    let calls = [busy(300), busy(300)];
    tokio::time::sleep(Duration::from_millis(50)).await;
    match client.call("nothing", json!({})).await {
        Err(ClientError::Rpc {
            code: -32603,
            message,
            ..
        }) => assert!(message.contains("busy: 2 requests"), "{message}"),
        other => panic!("{other:?}"),
    }
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert!(client.call("nothing", json!({})).await.is_ok());
}
