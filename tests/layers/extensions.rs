//! Values that outer layers insert into HTTP requests, as parameters.

use mcp_runtime::Extension;
use mcp_runtime::prelude::*;
use serde_json::json;

use super::peer::{ERAS, Peer, TRANSPORTS, Tenant, Transport};

/// Return the tenant.
#[tool]
async fn tenant(tenant: Extension<Tenant>) -> String {
    tenant.0.0.to_owned()
}

/// Return the tenant, from a thread.
#[tool]
fn tenant_on_a_thread(tenant: Extension<Tenant>) -> String {
    tenant.0.0.to_owned()
}

/// The tenant.
#[resource("tenant://me")]
async fn tenant_resource(tenant: Extension<Tenant>) -> String {
    tenant.0.0.to_owned()
}

/// The tenant.
#[prompt]
async fn tenant_prompt(tenant: Extension<Tenant>) -> String {
    tenant.0.0.to_owned()
}

/// Take a value that no layer inserts.
#[tool]
async fn missing(value: Extension<u128>) -> String {
    value.to_string()
}

fn server() -> Server {
    Server::new("extensions", "1").with(components![
        tenant,
        tenant_on_a_thread,
        tenant_resource,
        tenant_prompt,
        missing
    ])
}

#[tokio::test]
async fn handlers_take_extensions_and_a_missing_one_is_named() {
    for transport in TRANSPORTS {
        for era in ERAS {
            let peer = Peer::connect(server(), transport, era).await;
            for (method, params) in [
                ("tools/call", json!({ "name": "tenant" })),
                ("tools/call", json!({ "name": "tenant_on_a_thread" })),
                ("resources/read", json!({ "uri": "tenant://me" })),
                ("prompts/get", json!({ "name": "tenant_prompt" })),
            ] {
                let reply = peer.ask(method, params).await;
                let text = reply.to_string();
                if transport == Transport::Http {
                    assert!(text.contains("acme"), "{text}");
                } else {
                    let is_error =
                        reply["result"]["isError"] == true || reply["error"]["code"] == -32602;
                    assert!(is_error && text.contains("peer::Tenant"), "{text}");
                }
            }
            let reply = peer.call("missing", json!({})).await.to_string();
            assert!(reply.contains("no extension `u128`"), "{reply}");
            let tools = peer.ask("tools/list", json!({})).await;
            let schema = &tools["result"]["tools"][0]["inputSchema"];
            assert_eq!(schema["properties"], json!({}), "it is not an argument");
        }
    }
}
