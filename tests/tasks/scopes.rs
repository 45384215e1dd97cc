//! Scopes of tools that are tasks.

use mcp_runtime::{
    ApiKey, Auth, Client, ClientError, Identity, Principal, Revision, Tasks, prelude::*,
};
use serde_json::{Value, json};

use super::caller::with_tasks;
use mcp_tests::stores::Shared;

/// Wait for ever, for callers with a scope.
#[tool(task, scopes("reports"))]
async fn guarded() {
    std::future::pending::<()>().await;
}

/// Wait for ever.
#[tool(task)]
async fn open() {
    std::future::pending::<()>().await;
}

/// A client of a server whose guarded tool is its own, or that of a mounted server.
async fn ada(store: &Shared, mounted: bool, revision: Revision, scopes: &[&str]) -> Client {
    let inner = Server::new("inner", "1.0.0").with(components![guarded]);
    let mut server = Server::new("app", "1.0.0").with(components![open]);
    server = if mounted {
        server.mount_without_prefix(inner)
    } else {
        server.with(components![guarded])
    };
    let tasks = Tasks::new().store(store.clone());
    let scopes = scopes.iter().map(|scope| (*scope).to_owned());
    let identity = Identity::new(Principal::new("ada")).scopes(scopes.collect::<Vec<_>>());
    let way = Auth::api_keys([ApiKey::new("ada", "3f2b8c1d9e0a4756f1c8e2d7b6a59034")]);
    let client = server.auth(way).tasks(tasks).client().revision(revision);
    client.identity(identity).await
}

async fn request(client: &Client, method: &str, mut params: Value) -> Result<Value, ClientError> {
    // The client of a session declares its capabilities once, and asks for a task in each call.
    if !format!("{client:?}").contains("V2025_11_25") {
        params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": with_tasks() });
    }
    client.request(method, params).await
}

#[tokio::test]
async fn the_scope_of_a_tool_is_checked_in_each_request_about_its_task() {
    for (mounted, revision) in [
        (false, Revision::LATEST),
        (true, Revision::LATEST),
        (false, Revision::V2025_11_25),
        (true, Revision::V2025_11_25),
    ] {
        let store = Shared::default();
        let with = ada(&store, mounted, revision, &["reports"]).await;
        let without = ada(&store, mounted, revision, &[]).await;
        let call = |tool: &str| json!({ "name": tool, "arguments": {}, "task": {} });
        let created = request(&with, "tools/call", call("guarded")).await.unwrap();
        let is_session = created.get("task").is_some();
        assert_eq!(is_session, revision == Revision::V2025_11_25);
        let task = created.get("task").unwrap_or(&created);
        let id = json!({ "taskId": task["taskId"], "inputResponses": {} });
        let methods: &[&str] = if is_session {
            &["tasks/get", "tasks/result", "tasks/cancel"]
        } else {
            &["tasks/get", "tasks/update", "tasks/cancel"]
        };
        let mut outcomes = vec![request(&without, "tools/call", call("guarded")).await];
        for method in methods {
            outcomes.push(request(&without, method, id.clone()).await);
        }
        for outcome in outcomes {
            match outcome {
                Err(ClientError::Rpc { code, data, .. }) => {
                    assert_eq!(code, -32600, "{mounted} {revision:?}");
                    assert_eq!(data, Some(json!({ "requiredScopes": ["reports"] })));
                }
                other => panic!("{mounted} {revision:?}: {other:?}"),
            }
        }
        if is_session {
            request(&without, "tools/call", call("open")).await.unwrap();
            for (client, expected) in [(&with, 2), (&without, 1)] {
                let listed = request(client, "tasks/list", json!({})).await.unwrap();
                assert_eq!(listed["tasks"].as_array().unwrap().len(), expected);
            }
        }
        let state = request(&with, "tasks/get", id).await.unwrap();
        assert_eq!(state["status"], "working");
    }
}
