//! Attacks over HTTP. Each returns the connections that it holds, so that the memory is measured while they are open.

use std::net::SocketAddr;

use mcp_tests::Outcome;
use mcp_tests::raw_http::{self, Connection, modern_headers};
use serde_json::{Value, json};

use crate::messages::{BATCHES, call, initialize, legacy, modern};

/// A length just below the limit of a message.
const HUGE: usize = (4 << 20) - 1000;

/// The connections of an attack, and the answers that it got.
pub(crate) struct Attack {
    _open: Vec<Connection>,
    pub(crate) note: String,
}

impl Attack {
    fn new(open: Vec<Connection>, note: impl Into<String>) -> Self {
        Self {
            _open: open,
            note: note.into(),
        }
    }
}

/// Returns the connections with the number of those whose request was accepted.
fn counted(connections: Vec<(Connection, bool)>) -> Attack {
    let accepted = connections.iter().filter(|(_, accepted)| *accepted);
    let note = format!("{} of {} accepted", accepted.count(), connections.len());
    let open = connections.into_iter().map(|(connection, _)| connection);
    Attack::new(open.collect(), note)
}

/// Sends one request on each of `count` connections, and reads only the header of the response. A request is accepted if the
/// response is a stream, or has more than an error.
fn open(
    address: SocketAddr,
    count: u64,
    headers: &str,
    body: impl Fn(u64) -> String,
) -> Outcome<Vec<(Connection, bool)>> {
    let mut open = Vec::new();
    for number in 0..count {
        let mut connection = Connection::open(address)?;
        connection.post(headers, &body(number))?;
        let head = connection.head()?;
        let is_long = head.length.is_none_or(|length| length > 1000);
        open.push((connection, head.status == 200 && is_long));
    }
    Ok(open)
}

/// Opens a session and returns its headers.
fn session(address: SocketAddr) -> Outcome<String> {
    let (headers, _) = raw_http::session(address, BATCHES, "", &initialize(BATCHES))?;
    Ok(headers)
}

/// A batch of 80,000 requests for the list of tools.
pub(crate) fn batch(address: SocketAddr) -> Outcome<Attack> {
    let headers = session(address)?;
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let body = format!("[{}]", vec![request; 80_000].join(","));
    let mut connection = Connection::open(address)?;
    let response = connection.ask(&headers, &body)?;
    let note = format!("answered {}", response.status);
    Ok(Attack::new(vec![connection], note))
}

/// Calls with progress tokens of 4 MiB, each with 100 reports.
pub(crate) fn progress(address: SocketAddr) -> Outcome<Attack> {
    let headers = modern_headers("tools/call", Some("report"));
    let meta = json!({ "progressToken": "t".repeat(HUGE) });
    let body = |id| call(id, "report", &json!({ "times": 100 }), &meta);
    let open = open(address, 20, &headers, body)?;
    Ok(counted(open))
}

/// Reports many changes as another client would.
fn change(address: SocketAddr, uri: &str) -> Outcome<()> {
    let headers = modern_headers("tools/call", Some("change"));
    let body = call(
        1,
        "change",
        &json!({ "uri": uri, "times": 100 }),
        &json!({}),
    );
    let answer = Connection::open(address)?.ask(&headers, &body)?;
    match answer.status {
        200 => Ok(()),
        status => Err(format!("a change was answered {status}").into()),
    }
}

/// Listeners with ids of 4 MiB, and 100 changes that they do not read.
pub(crate) fn listener_ids(address: SocketAddr) -> Outcome<Attack> {
    let headers = modern_headers("subscriptions/listen", None);
    let id = json!("i".repeat(HUGE));
    let body = |_| {
        let params = json!({ "notifications": { "toolsListChanged": true } });
        modern(&id, "subscriptions/listen", params, &json!({}))
    };
    let open = open(address, 20, &headers, body)?;
    change(address, "thing://none")?;
    Ok(counted(open))
}

/// Log messages of 77 KB that nobody reads.
pub(crate) fn logs(address: SocketAddr) -> Outcome<Attack> {
    let headers = modern_headers("tools/call", Some("log"));
    let meta = json!({ "io.modelcontextprotocol/logLevel": "debug" });
    let arguments = json!({ "times": 250, "bytes": 77_000 });
    let body = |id| call(id, "log", &arguments, &meta);
    Ok(counted(open(address, 30, &headers, body)?))
}

/// Subscriptions of sessions to URIs of 4 MiB.
pub(crate) fn subscriptions(address: SocketAddr) -> Outcome<Attack> {
    let mut connection = Connection::open(address)?;
    let mut stored = 0;
    for number in 0..200_u64 {
        let headers = session(address)?;
        let uri = format!("thing://{number}-{}", "u".repeat(HUGE));
        let body = legacy(1, "resources/subscribe", &json!({ "uri": uri }));
        let answer = connection.ask(&headers, &body)?;
        stored += u64::from(answer.message()?.get("result").is_some());
    }
    let note = format!("{stored} of 200 stored");
    Ok(Attack::new(vec![connection], note))
}

/// Listeners for 36,000 URIs each.
pub(crate) fn filters(address: SocketAddr) -> Outcome<Attack> {
    let headers = modern_headers("subscriptions/listen", None);
    let body = |listener| {
        let uri = |number| Value::from(format!("thing://{listener}-{number}-{}", "u".repeat(90)));
        let uris: Vec<Value> = (0..36_000).map(uri).collect();
        let params = json!({ "notifications": { "resourceSubscriptions": uris } });
        modern(&json!(listener), "subscriptions/listen", params, &json!({}))
    };
    let open = open(address, 20, &headers, body)?;
    Ok(counted(open))
}

/// Outcomes of effects of 1 MiB each.
pub(crate) fn outcomes(address: SocketAddr) -> Outcome<Attack> {
    let headers = modern_headers("tools/call", Some("effect"));
    let mut connection = Connection::open(address)?;
    let arguments = json!({ "bytes": 1 << 20 });
    let mut states = Vec::new();
    // All calls begin before the first outcome is recorded.
    for id in 0..200 {
        let body = call(id, "effect", &arguments, &json!({}));
        let message = connection.ask(&headers, &body)?.message()?;
        states.push(message["result"].clone());
    }
    let mut recorded = 0;
    for state in states {
        let key = state["inputRequests"]
            .as_object()
            .and_then(|all| all.keys().next());
        let key = key.ok_or("no question")?.clone();
        let params = json!({
            "name": "effect", "arguments": arguments, "requestState": state["requestState"],
            "inputResponses": { key: { "action": "accept", "content": { "yes": true } } },
        });
        let body = modern(&json!(1), "tools/call", params, &json!({}));
        let message = connection.ask(&headers, &body)?.message()?;
        recorded += u64::from(message["result"].get("content").is_some());
    }
    let note = format!("{recorded} of 200 recorded");
    Ok(Attack::new(vec![connection], note))
}

/// Clients that never read their answers of 4 MiB.
pub(crate) fn readers(address: SocketAddr) -> Outcome<Attack> {
    let headers = modern_headers("tools/call", Some("text"));
    let body = |id| call(id, "text", &json!({ "bytes": 4 << 20 }), &json!({}));
    Ok(counted(open(address, 100, &headers, body)?))
}
