//! What the server keeps of sessions: their settings, their ends, and their data.

use std::time::Duration;

use http::Method;
use mcp_runtime::prelude::*;
use mcp_runtime::{HttpService, MemoryStore, Store, StoreEntry};
use serde_json::{Value, json};
use tower_service::Service as _;

use super::local::{Streams, call, http_request, post, reply, server, service, session};
use super::page::row;
use super::process::{LEGACY, MODERN, message};

/// Returns the name and the version of the client.
#[tool]
async fn name(context: Context) -> String {
    let client = context.client();
    format!("{} {}", client.name, client.version)
}

/// The callers that fill a table together, with the share of one each.
const CALLERS: usize = 8;

/// Returns the address of the caller with this number.
fn peer(number: usize) -> String {
    format!("192.0.2.{}", number + 1)
}

/// Lets the rate limit of a caller forget earlier requests.
async fn rest() {
    tokio::time::advance(Duration::from_secs(60)).await;
}

/// Opens sessions of a caller.
async fn sessions(service: &HttpService, peer: &str, count: usize) -> Vec<String> {
    let mut sessions = Vec::new();
    for number in 0..count {
        if number % 500 == 0 {
            rest().await;
        }
        sessions.push(session(service, peer, LEGACY).await);
    }
    sessions
}

/// Sends a message in each session. Returns the numbers of results, and of errors with this code.
async fn in_each(
    service: &HttpService,
    peer: &str,
    sessions: &[String],
    message: &Value,
) -> (usize, usize) {
    let (mut results, mut errors) = (0, 0);
    for (number, session) in sessions.iter().enumerate() {
        if number % 500 == 0 {
            rest().await;
        }
        let response = post(service, peer, LEGACY, Some(session), message).await;
        let reply = reply(response).await;
        if reply["error"]["code"] == -32603 || reply["result"]["isError"] == true {
            errors += 1;
        } else {
            assert!(reply["result"].is_object(), "{reply}");
            results += 1;
        }
    }
    (results, errors)
}

/// Ends a session. Returns the status.
async fn end(service: &HttpService, peer: &str, session: &str) -> u16 {
    let mut request = http_request(
        peer,
        &format!("Mcp-Session-Id: {session}\r\n"),
        String::new(),
    );
    *request.method_mut() = Method::DELETE;
    let response = service.clone().call(request).await.unwrap();
    response.status().as_u16()
}

/// Ends sessions. Returns how many of them ended.
async fn end_all(service: &HttpService, peer: &str, sessions: &[String]) -> usize {
    let mut ended = 0;
    for (number, session) in sessions.iter().enumerate() {
        if number % 500 == 0 {
            rest().await;
        }
        match end(service, peer, session).await {
            405 => {}
            status => {
                assert!((200..300).contains(&status), "{status}");
                ended += 1;
            }
        }
    }
    ended
}

#[tokio::test(start_paused = true)]
async fn tables_of_sessions() {
    let data = row("session-owners").for_all();
    data.says("an error of the handler");
    let share = row("share").is("1/8").for_all();
    let row = row("sessions");
    row.says("-32603; HTTP 405 for `DELETE`");
    share.says("as if the table was full");
    assert_eq!(data.number(), row.number());
    let of_one = row.number() / CALLERS;
    let service = service(server()).await;
    let uri = json!({ "uri": "note://one" });
    let messages = [
        message(LEGACY, "logging/setLevel", json!({ "level": "debug" })),
        message(LEGACY, "resources/subscribe", uri),
        call(LEGACY, 1, "keep", &json!({ "values": 1, "bytes": 1 })),
    ];
    let mut all = Vec::new();
    for number in 0..CALLERS {
        let peer = peer(number);
        let sessions = sessions(&service, &peer, of_one + 1).await;
        for message in &messages {
            let set = in_each(&service, &peer, &sessions, message).await;
            assert_eq!(set, (of_one, 1), "the share of a caller");
        }
        all.push(sessions);
    }
    let late = sessions(&service, &peer(CALLERS), 1).await;
    for message in &messages {
        let set = in_each(&service, &peer(CALLERS), &late, message).await;
        assert_eq!(set, (0, 1), "the table is full");
    }
    for (number, sessions) in all.iter().enumerate() {
        let ended = end_all(&service, &peer(number), sessions).await;
        assert_eq!(ended, of_one, "the share of a caller");
    }
    assert_eq!(end(&service, &peer(CALLERS), &late[0]).await, 405);
}

#[tokio::test(start_paused = true)]
async fn bytes_of_data() {
    let row = row("session-owners").means("64 MiB of values");
    row.says("an error of the handler");
    let (limit, bytes) = (64 << 20, 60_000);
    let service = service(server()).await;
    let keep = json!({ "values": 1, "bytes": bytes });
    let keep = call(LEGACY, 1, "keep", &keep);
    let mut all = 0;
    for number in 0..=CALLERS {
        let peer = peer(number);
        let sessions = sessions(&service, &peer, limit / CALLERS / bytes + 1).await;
        let (kept, refused) = in_each(&service, &peer, &sessions, &keep).await;
        assert!(refused > 0, "the share of a caller, or the store, is full");
        all += kept;
    }
    // Each entry counts some hundred bytes beside its values.
    let expected = limit / (bytes + 500)..=limit / bytes;
    assert!(expected.contains(&all), "{all}");
}

#[tokio::test(start_paused = true)]
async fn bytes_of_subscriptions() {
    let row = row("subscribed-bytes").means("each counts twice");
    row.says("-32603");
    let of_session = super::page::rows()["session-subscriptions"].number();
    let service = service(server()).await;
    let bytes = 2000;
    let width = bytes - "note://".len();
    let uris: Vec<_> = (0..of_session)
        .map(|number| format!("note://{number:0>width$}"))
        .collect();
    let mut subscribed = 0;
    for number in 0..=CALLERS {
        let peer = peer(number);
        let session = session(&service, &peer, LEGACY).await;
        let mut refused = 0;
        for (number, uri) in uris.iter().enumerate() {
            if number % 500 == 0 {
                rest().await;
            }
            let subscribe = message(LEGACY, "resources/subscribe", json!({ "uri": uri }));
            let response = post(&service, &peer, LEGACY, Some(&session), &subscribe).await;
            let reply = reply(response).await;
            if reply["result"].is_object() {
                subscribed += 1;
            } else {
                assert_eq!(reply["error"]["code"], -32603, "{reply}");
                refused += 1;
            }
        }
        assert_eq!(refused > 0, number == CALLERS, "the last caller");
    }
    // Each counts some hundred bytes more.
    let expected = row.number() / (2 * bytes + 400)..=row.number() / (2 * bytes);
    assert!(expected.contains(&subscribed), "{subscribed}");
}

#[tokio::test]
async fn names_of_clients() {
    let row = row("client-name");
    row.says("the rest is cut");
    let service = service(server()).await;
    for beyond in [0, 1] {
        let text = "n".repeat(row.number() + beyond);
        let params = json!({
            "protocolVersion": LEGACY,
            "capabilities": {},
            "clientInfo": { "name": text, "version": text },
        });
        let initialize = message(LEGACY, "initialize", params);
        let name = call(LEGACY, 2, "name", &json!({}));
        let response = post(&service, "127.0.0.1", LEGACY, None, &initialize).await;
        let session = response.headers()["mcp-session-id"].to_str().unwrap();
        let over_http = post(&service, "127.0.0.1", LEGACY, Some(session), &name).await;
        let mut streams = Streams::start(server(), MODERN).await;
        streams.ask(&initialize).await;
        let kept = &text[..row.number()];
        for reply in [reply(over_http).await, streams.ask(&name).await] {
            let shown = &reply["result"]["content"][0]["text"];
            assert_eq!(*shown, format!("{kept} {kept}"), "{reply}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn streams_of_sessions() {
    let row = row("listeners-of-sessions");
    row.says_refusal(Some(-32603), Some(429));
    let all = super::page::rows()["listeners"].number();
    assert_eq!(4 * row.number(), all, "a quarter");
    let service = service(server()).await;
    let peer = peer(0);
    let sessions = sessions(&service, &peer, row.number() + 1).await;
    let mut open = Vec::new();
    for (number, session) in sessions.iter().enumerate() {
        let headers = format!("Accept: text/event-stream\r\nMcp-Session-Id: {session}\r\n");
        let mut request = http_request(&peer, &headers, String::new());
        *request.method_mut() = Method::GET;
        let response = service.clone().call(request).await.unwrap();
        if number < row.number() {
            assert_eq!(response.status(), 200);
            open.push(response);
        } else {
            assert_eq!(response.status(), 429);
            assert_eq!(reply(response).await["error"]["code"], -32603);
        }
    }
}

#[tokio::test]
async fn logs() {
    let (entries, bytes, entry) = (row("log-entries"), row("log-bytes"), row("log-entry"));
    entries.says("the oldest are dropped, and slow readers are told");
    bytes.says("the oldest are dropped, and slow readers are told");
    entry.says("`Store::append` fails");
    let largest = vec![0; entry.number()];
    let kept_bytes = bytes.number() / (64 + largest.len());
    for (value, kept) in [(&[][..], entries.number()), (&largest, kept_bytes)] {
        let store = MemoryStore::default();
        let append = || store.append("log", StoreEntry::new(value, Duration::from_secs(60)));
        let first = append().await.unwrap();
        for _ in 1..kept {
            append().await.unwrap();
        }
        let read = async |after| {
            store
                .read_after("log", after, Duration::ZERO)
                .await
                .unwrap()
        };
        assert!(!read(first - 1).await.missed);
        append().await.unwrap();
        assert!(read(first - 1).await.missed, "one more than {kept}");
        assert!(!read(first).await.missed);
    }
    let store = MemoryStore::default();
    let beyond = vec![0; entry.number() + 1];
    let refused = store.append("log", StoreEntry::new(&beyond, Duration::from_secs(60)));
    assert!(refused.await.is_err());
}
