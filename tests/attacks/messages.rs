//! The messages of attackers and of the other client.

use serde_json::{Value, json};

pub(crate) const MODERN: &str = "2026-07-28";

/// The revision with batches.
pub(crate) const BATCHES: &str = "2025-03-26";

/// Returns a request of the stateless era. `meta` has members in addition to those that the era requires.
pub(crate) fn modern(id: &Value, method: &str, mut params: Value, meta: &Value) -> String {
    let mut members = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
    });
    if let (Some(members), Some(meta)) = (members.as_object_mut(), meta.as_object()) {
        members.extend(meta.clone());
    }
    params["_meta"] = members;
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// Returns a tool call of the stateless era.
pub(crate) fn call(id: u64, tool: &str, arguments: &Value, meta: &Value) -> String {
    let params = json!({ "name": tool, "arguments": arguments });
    modern(&json!(id), "tools/call", params, meta)
}

/// Returns a request that belongs to a session.
pub(crate) fn legacy(id: u64, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// Returns the request that opens a session.
pub(crate) fn initialize(revision: &str) -> String {
    let client = json!({ "name": "attacks", "version": "0" });
    let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client });
    legacy(0, "initialize", &params)
}
