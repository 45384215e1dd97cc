//! Handlers that report more than a client can read.

use std::time::Instant;

use serde_json::{Value, json};

use crate::connection::{Connection, MODERN, Transport};

/// Calls a tool on every transport in both eras. Passes the notifications of one method, and the time of the call in
/// milliseconds, to `check`.
fn each(tool: &str, arguments: &Value, method: &str, check: impl Fn(&[&Value], u128)) {
    for transport in [Transport::Memory, Transport::Stdio, Transport::Http] {
        for revision in ["2025-11-25", MODERN] {
            let mut connection = Connection::open(transport, revision);
            if revision != MODERN {
                connection.request("logging/setLevel", json!({ "level": "debug" }));
            }
            let meta = json!({ "progressToken": 1, "io.modelcontextprotocol/logLevel": "debug" });
            let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
            let begin = Instant::now();
            let outcome = connection.request("tools/call", params);
            let elapsed = begin.elapsed().as_millis();
            let reply = outcome.reply.unwrap();
            assert!(reply["result"]["isError"] != true, "{transport:?} {reply}");
            let sent = outcome.notifications.iter();
            let sent = sent.filter(|message| message["method"] == method);
            let params: Vec<_> = sent.map(|message| &message["params"]).collect();
            check(&params, elapsed);
        }
    }
}

#[test]
fn progress_in_a_tight_loop_is_thinned_out_and_its_last_value_arrives() {
    let steps = 100_000_u32;
    let arguments = json!({ "steps": steps });
    each(
        "progress",
        &arguments,
        "notifications/progress",
        |sent, elapsed| {
            let values = || sent.iter().filter_map(|params| params["progress"].as_f64());
            assert_eq!(values().next_back(), Some(f64::from(steps)));
            assert!(values().is_sorted_by(|one, next| one < next));
            // A burst of 100, and one for each 10 ms.
            assert!(
                sent.len() as u128 <= 102 + elapsed / 10,
                "{} {elapsed}",
                sent.len()
            );
        },
    );
}

#[test]
fn log_messages_beyond_a_thousand_are_counted() {
    let arguments = json!({ "milliseconds": 1300 });
    each("chatter", &arguments, "notifications/message", |sent, _| {
        assert_eq!(sent.len(), 1001);
        let expected = "300 log messages of the call were left out after 1000";
        assert_eq!(sent[1000]["data"], expected);
    });
}
