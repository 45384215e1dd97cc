//! Limits on what a client makes the server keep or repeat: ids, progress tokens, subscribed URIs and batches.

use serde_json::{Value, json};

use crate::connection::{Connection, MODERN, Transport, revisions};

const TRANSPORTS: [Transport; 3] = [Transport::Memory, Transport::Stdio, Transport::Http];

/// Calls `check` with a connection of each revision over each transport.
fn everywhere(check: impl Fn(&mut Connection, &str, &str)) {
    for transport in TRANSPORTS {
        for revision in revisions() {
            let place = format!("{transport:?} {revision}");
            check(&mut Connection::open(transport, revision), revision, &place);
        }
    }
}

fn code(reply: &Value) -> Option<i64> {
    reply["error"]["code"].as_i64()
}

#[test]
fn an_id_has_at_most_256_bytes() {
    everywhere(|connection, _, place| {
        for (length, is_accepted) in [(256, true), (257, false), (100_000, false)] {
            let id = json!("i".repeat(length));
            let message = connection.message(id.clone(), "tools/list", json!({}));
            let outcome = connection.send(&message);
            let reply = outcome.reply.expect("a reply");
            if is_accepted {
                assert!(reply["id"] == id && reply["result"].is_object(), "{place}");
            } else {
                assert_eq!(code(&reply), Some(-32600), "{place}: {reply}");
                assert_eq!(reply.get("id"), None, "{place}");
                let message = reply["error"]["message"].as_str().expect("a text");
                assert!(message.contains("at most 256 bytes"), "{place}: {message}");
                assert!(outcome.status.is_none_or(|status| status == 400), "{place}");
            }
        }
    });
}

#[test]
fn a_progress_token_has_at_most_256_bytes() {
    everywhere(|connection, _, place| {
        for (length, expected) in [(256, None), (257, Some(-32602)), (100_000, Some(-32602))] {
            let meta = json!({ "progressToken": "t".repeat(length) });
            let params = json!({ "name": "nothing", "arguments": {}, "_meta": meta });
            let reply = connection.request("tools/call", params).reply;
            let reply = reply.expect("a reply");
            assert_eq!(code(&reply), expected, "{place} {length}: {reply}");
        }
    });
}

/// Returns a URI of this length that the server has.
fn uri(length: usize) -> String {
    let scheme = "echo://";
    format!("{scheme}{}", "u".repeat(length - scheme.len()))
}

#[test]
fn a_session_subscribes_to_uris_of_at_most_2048_bytes() {
    everywhere(|connection, revision, place| {
        if revision == MODERN {
            return;
        }
        for (length, expected) in [(2048, None), (2049, Some(-32602)), (1 << 20, Some(-32602))] {
            let params = json!({ "uri": uri(length) });
            let reply = connection.request("resources/subscribe", params).reply;
            let reply = reply.expect("a reply");
            assert_eq!(code(&reply), expected, "{place} {length}");
        }
    });
}

#[test]
fn a_listener_has_short_uris_and_not_too_many() {
    for transport in TRANSPORTS {
        let mut connection = Connection::open(transport, MODERN);
        let numbered = |count: usize| (0..count).map(|number| json!(format!("echo://{number}")));
        let many: Vec<Value> = numbered(1001).collect();
        let long = (0..40).map(|number| json!(format!("{}{number:02}", uri(2000))));
        for (uris, says) in [
            (vec![json!(uri(2049))], "2049 bytes"),
            (many, "1001 URIs"),
            (long.collect(), "the limit is 65536"),
        ] {
            let filter = json!({ "resourceSubscriptions": uris });
            let params = json!({ "notifications": filter });
            let reply = connection.request("subscriptions/listen", params).reply;
            let reply = reply.expect("a refusal");
            assert_eq!(code(&reply), Some(-32602), "{transport:?}: {reply}");
            let message = reply["error"]["message"].as_str().expect("a text");
            assert!(message.contains(says), "{transport:?}: {message}");
        }
        let next = connection.request("tools/list", json!({})).reply;
        assert!(next.expect("a reply")["result"].is_object());
    }
}

#[test]
fn a_batch_has_at_most_64_messages() {
    for transport in TRANSPORTS {
        let mut connection = Connection::open(transport, "2025-03-26");
        let ping = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
        let batch = |size: u32| Value::from((0..size).map(ping).collect::<Vec<_>>());
        let served = connection.send_batch(&batch(64)).expect("an answer");
        assert_eq!(served.as_array().map(Vec::len), Some(64), "{transport:?}");
        for size in [65, 10_000] {
            let refused = connection.send_batch(&batch(size)).expect("an answer");
            assert_eq!(code(&refused), Some(-32600), "{transport:?}: {refused}");
            assert_eq!(refused.get("id"), None, "{transport:?}");
        }
        let next = connection.request("ping", json!({})).reply;
        assert_eq!(next.expect("a reply")["result"], json!({}), "{transport:?}");
    }
}
