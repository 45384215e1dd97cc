//! Batches, which only 2025-03-26 has.

use serde_json::{Value, json};

use crate::connection::{Connection, Transport};

const REVISION: &str = "2025-03-26";

fn request(id: i64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn call(id: i64, tool: &str, arguments: &Value) -> Value {
    request(
        id,
        "tools/call",
        &json!({ "name": tool, "arguments": arguments }),
    )
}

/// The answers by id; answers without an id are last.
fn sorted(reply: Option<Value>) -> Vec<Value> {
    let Some(Value::Array(mut replies)) = reply else {
        panic!("not an array: {reply:?}");
    };
    replies.sort_by_key(|reply| reply["id"].as_i64().unwrap_or(i64::MAX));
    replies
}

#[test]
fn a_batch_is_answered_with_a_batch() {
    for transport in [Transport::Memory, Transport::Stdio, Transport::Http] {
        let mut connection = Connection::open(transport, REVISION);
        let client = json!({ "protocolVersion": REVISION, "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
        let batch = json!([
            call(1, "echo_owned", &json!({ "text": "[one]" })),
            { "jsonrpc": "2.0", "method": "notifications/initialized" },
            call(2, "wait", &json!({ "milliseconds": 30 })),
            request(3, "ping", &json!({})),
            request(4, "initialize", &client),
            "no message",
        ]);
        let replies = sorted(connection.send_batch(&batch));
        assert_eq!(replies.len(), 5, "{transport:?}: {replies:?}");
        assert_eq!(replies[0]["result"]["content"][0]["text"], "[one]");
        assert_eq!(replies[1]["id"], 2, "{transport:?}: {replies:?}");
        assert_eq!(replies[1]["result"]["isError"], Value::Null);
        assert_eq!(
            replies[2],
            json!({ "jsonrpc": "2.0", "id": 3, "result": {} })
        );
        assert_eq!(replies[3]["error"]["code"], -32600, "initialize");
        assert_eq!(replies[4]["error"]["code"], -32600, "no message");

        // Messages that have arrived, and all later ones.
        for (tool, arguments) in [
            ("echo_owned", json!({ "text": "now" })),
            ("wait", json!({ "milliseconds": 30 })),
        ] {
            let batch = json!([call(5, tool, &arguments), call(6, tool, &arguments)]);
            let replies = sorted(connection.send_batch(&batch));
            assert_eq!(replies.len(), 2, "{transport:?}: {replies:?}");
        }

        let nested = json!([["2.0", 7, "ping"]]);
        let replies = sorted(connection.send_batch(&nested));
        assert_eq!(replies[0]["error"]["code"], -32600, "{transport:?}");

        let empty = connection.send_batch(&json!([])).unwrap();
        assert_eq!(empty["error"]["code"], -32600, "{transport:?}");
        let next = connection.request("ping", json!({}));
        assert_eq!(next.reply.unwrap()["result"], json!({}), "{transport:?}");
    }
}

#[test]
fn a_batch_of_notifications_is_not_answered() {
    for transport in [Transport::Memory, Transport::Stdio, Transport::Http] {
        let mut connection = Connection::open(transport, REVISION);
        let outcome = connection.send(&json!([
            { "jsonrpc": "2.0", "method": "notifications/initialized" },
            { "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } },
        ]));
        assert!(outcome.reply.is_none());
        assert!(
            outcome.status.is_none_or(|status| status == 202),
            "{outcome:?}"
        );
        let next = connection.request("ping", json!({}));
        assert_eq!(next.reply.unwrap()["result"], json!({}), "{transport:?}");
    }
}

#[test]
fn other_revisions_refuse_batches() {
    for transport in [Transport::Memory, Transport::Stdio, Transport::Http] {
        for revision in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"] {
            let mut connection = Connection::open(transport, revision);
            let reply = connection.send_batch(&json!([request(1, "ping", &json!({}))]));
            let reply = reply.unwrap();
            assert_eq!(reply["error"]["code"], -32600, "{transport:?} {revision}");
            assert!(
                reply.get("id").is_none(),
                "{transport:?} {revision}: {reply}"
            );
        }
    }
}
