//! Event streams: messages that a client has not read, and events that it can read again.

use std::time::Duration;

use mcp_runtime::HttpService;
use mcp_runtime::prelude::*;
use serde_json::{Value, json};
use tower_service::Service as _;

use super::local::{Streams, body, call, http_request, post, server, service, session};
use super::page::row;
use super::process::{LEGACY, MODERN, message};

const ERAS: [&str; 2] = [MODERN, LEGACY];
const LOCAL: &str = "127.0.0.1";
const MIB: usize = 1 << 20;

/// Logs messages of this size, and returns a text.
#[tool]
async fn recite(logs: usize, bytes: usize, text: usize, context: Context) -> ToolResult {
    for _ in 0..logs {
        context.log(LogLevel::Error, "x".repeat(bytes));
    }
    ToolResult::new().content(Content::text("x".repeat(text)))
}

/// A client over HTTP whose calls report progress and log messages.
struct Listener {
    service: HttpService,
    peer: &'static str,
    revision: &'static str,
    session: Option<String>,
}

impl Listener {
    async fn start(revision: &'static str) -> Self {
        Self::of(service(server()).await, LOCAL, revision).await
    }

    async fn of(service: HttpService, peer: &'static str, revision: &'static str) -> Self {
        let mut client = Self {
            service,
            peer,
            revision,
            session: None,
        };
        if revision == LEGACY {
            client.session = Some(session(&client.service, peer, revision).await);
            let level = json!({ "level": "debug" });
            let set_level = message(revision, "logging/setLevel", level);
            assert_eq!(client.post(&set_level).await.status(), 200);
        }
        client
    }

    async fn post(&self, message: &Value) -> http::Response<mcp_runtime::HttpBody> {
        let session = self.session.as_deref();
        post(&self.service, self.peer, self.revision, session, message).await
    }

    /// Calls a tool. Returns the body of the response, which is read after the call has ended.
    async fn call(&self, tool: &str, arguments: &Value) -> String {
        let call = observed(self.revision, tool, arguments);
        let response = self.post(&call).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        body(response).await
    }

    /// Returns the events of a stream after its beginning, or an empty text if the stream is not known any more.
    async fn resume(&self, stream: &str) -> String {
        let session = self.session.as_deref().unwrap();
        let headers = format!(
            "Accept: text/event-stream\r\nMcp-Session-Id: {session}\r\nLast-Event-ID: {stream}-0\r\n"
        );
        let mut request = http_request(self.peer, &headers, String::new());
        *request.method_mut() = http::Method::GET;
        let response = self.service.clone().call(request).await.unwrap();
        assert_eq!(response.status(), 200);
        // A new stream has no events, and does not end.
        let events = tokio::time::timeout(Duration::from_secs(5), body(response));
        events.await.unwrap_or_default()
    }
}

/// Returns a call that asks for its progress and its log messages.
fn observed(revision: &str, tool: &str, arguments: &Value) -> Value {
    let mut call = call(revision, 2, tool, arguments);
    call["params"]["_meta"]["progressToken"] = 1.into();
    call["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = "debug".into();
    call
}

/// Returns the messages of events.
fn messages(events: &str) -> Vec<&str> {
    let data = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter(|message| !message.is_empty()).collect()
}

/// Returns the name of a stream, which is the beginning of the ids of its events.
fn name(events: &str) -> &str {
    let id = events.lines().find_map(|line| line.strip_prefix("id: "));
    id.expect(events).rsplit_once('-').unwrap().0
}

/// Fails unless a stream has a reply.
#[track_caller]
fn is_complete(events: &[&str]) {
    let reply: Value = serde_json::from_str(events.last().unwrap()).unwrap();
    assert!(reply["result"].is_object(), "{reply}");
}

#[tokio::test]
async fn unread_messages() {
    let row = row("unread");
    row.says("further ones are left out; the reply is always sent");
    let chatter = json!({ "reports": 100, "logs": 1000 });
    for revision in ERAS {
        let client = Listener::start(revision).await;
        let events = client.call("chatter", &chatter).await;
        let events = messages(&events);
        is_complete(&events);
        assert_eq!(events.len(), row.number() + 1, "and the reply");
        // Over stdio, the same call sends all of them.
        let mut streams = Streams::start(server(), revision).await;
        let level = message(revision, "logging/setLevel", json!({ "level": "debug" }));
        streams.ask(&level).await;
        streams.send(&observed(revision, "chatter", &chatter)).await;
        for _ in 0..1100 {
            let message = streams.receive().await;
            assert!(message["method"].is_string(), "{message}");
        }
    }
}

#[tokio::test]
async fn unread_bytes() {
    let row = row("unread-bytes");
    row.says("further ones are left out");
    for revision in ERAS {
        let client = Listener::start(revision).await;
        for bytes in [60_000, 250_000] {
            let logs = json!({ "logs": 100, "bytes": bytes, "text": 1 });
            let events = client.call("recite", &logs).await;
            let events = messages(&events);
            is_complete(&events);
            let (sent, size) = (events.len() - 1, events[0].len());
            let reached = (sent - 1) * size..=sent * size;
            assert!(
                reached.contains(&row.number()),
                "{sent} messages of {size} bytes"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn kept_events() {
    let row = row("kept-events");
    row.says("the oldest are dropped");
    let client = Listener::start(LEGACY).await;
    for events in [row.number(), row.number() + 1] {
        let logs = json!({ "logs": events - 1, "bytes": 1, "text": 1 });
        let all = client.call("recite", &logs).await;
        assert_eq!(messages(&all).len(), events);
        let again = client.resume(name(&all)).await;
        assert_eq!(
            messages(&again),
            messages(&all)[events - row.number()..],
            "of {events} events"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn kept_event_bytes() {
    let row = row("kept-event-bytes");
    row.says("the oldest are dropped");
    let client = Listener::start(LEGACY).await;
    let logs = json!({ "logs": 200, "bytes": 1000, "text": 1 });
    let all = client.call("recite", &logs).await;
    let again = client.resume(name(&all)).await;
    let (all, again) = (messages(&all), messages(&again));
    assert!(all.ends_with(&again));
    let kept: usize = again.iter().map(|event| event.len()).sum();
    let next = all[all.len() - again.len() - 1].len();
    assert!(
        (kept..kept + next).contains(&row.number()),
        "{kept} of {next} each"
    );
}

#[tokio::test(start_paused = true)]
async fn ended_streams() {
    let row = row("ended-streams");
    row.says("the oldest are dropped");
    let client = Listener::start(LEGACY).await;
    let one = json!({ "logs": 1, "bytes": 1, "text": 1 });
    let mut names = Vec::new();
    // The newest stream has not ended when the others are counted.
    for _ in 0..=row.number() {
        names.push(name(&client.call("recite", &one).await).to_owned());
    }
    is_complete(&messages(&client.resume(&names[0]).await));
    client.call("recite", &one).await;
    assert_eq!(client.resume(&names[0]).await, "", "the oldest");
    // The stream that began instead has counted the newest one, too.
    is_complete(&messages(&client.resume(&names[2]).await));
}

#[tokio::test(start_paused = true)]
async fn ended_stream_bytes() {
    let (row, uncounted) = (row("ended-stream-bytes"), 16 << 10);
    row.says("the client cannot resume the stream");
    let service = service(server()).await;
    let client = Listener::of(service.clone(), "192.0.2.1", LEGACY).await;
    let large = json!({ "logs": 1, "bytes": 1, "text": MIB + uncounted });
    // An owner may have as many bytes as remain: half of them.
    let half = row.number() / MIB / 2;
    let mut names = Vec::new();
    for _ in 0..=half {
        names.push(name(&client.call("recite", &large).await).to_owned());
    }
    for (number, name) in names.iter().enumerate() {
        let events = client.resume(name).await;
        let is_kept = !messages(&events).is_empty();
        assert_eq!(is_kept, number + 1 < half, "{number}");
    }
    let other = Listener::of(service, "192.0.2.2", LEGACY).await;
    let events = other.call("recite", &large).await;
    is_complete(&messages(&other.resume(name(&events)).await));
}
