//! A client that asks for log messages of a program without the layer that sends them.

use mcp_runtime::Revision;
use mcp_tests::client::Connect as _;
use serde_json::json;
use tracing::subscriber::with_default;

use super::capture::Captured;
use super::observed;

/// The target of the warning.
const TARGET: &str = "mcp_runtime::logs";

#[test]
fn a_client_that_asks_for_logs_that_nobody_sends_causes_one_warning() {
    let captured = Captured::of(TARGET);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let asks = |revision: Revision| {
        runtime.block_on(async {
            let client = observed::server().connect().revision(revision).await;
            if revision == Revision::LATEST {
                let meta = json!({ "io.modelcontextprotocol/logLevel": "debug" });
                let params = json!({ "name": "traced", "_meta": meta });
                for _ in 0..2 {
                    client.request("tools/call", params.clone()).await.unwrap();
                }
            } else {
                let level = json!({ "level": "debug" });
                for _ in 0..2 {
                    client
                        .request("logging/setLevel", level.clone())
                        .await
                        .unwrap();
                }
            }
        });
    };
    for revision in [Revision::LATEST, Revision::V2025_11_25] {
        with_default(captured.subscriber(), || asks(revision));
        let warnings = captured.take();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let message = warnings[0]["message"].as_str().unwrap();
        assert!(message.contains("mcp_runtime::forward_logs()"), "{message}");
    }
}
