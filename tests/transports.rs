//! Transports of the application: whole messages over channels, with correct and incorrect clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{Limits, RunningServer, Server, Transport};
use mcp_tests::conversation::Conversation;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify, mpsc};

/// A message with more bytes than a channel of the client may hold.
const LONG: usize = 1 << 20;

/// The server's end of a connection.
struct Channels {
    incoming: Mutex<mpsc::Receiver<io::Result<Vec<u8>>>>,
    outgoing: mpsc::Sender<String>,
    closed: Arc<AtomicBool>,
}

impl Transport for Channels {
    async fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        self.incoming.lock().await.recv().await.transpose()
    }

    async fn send(&self, message: String) -> io::Result<()> {
        let sent = self.outgoing.send(message).await;
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    async fn close(&self) -> io::Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        Ok(())
    }
}

struct Client {
    conversation: Conversation,
    requests: mpsc::Sender<io::Result<Vec<u8>>>,
    replies: mpsc::Receiver<String>,
    closed: Arc<AtomicBool>,
}

/// Returns both ends of a connection whose channels hold this many messages.
fn connect(capacity: usize) -> (Channels, Client) {
    let (requests, incoming) = mpsc::channel(capacity);
    let (outgoing, replies) = mpsc::channel(capacity);
    let closed = Arc::<AtomicBool>::default();
    let incoming = Mutex::new(incoming);
    let server = Channels {
        incoming,
        outgoing,
        closed: Arc::clone(&closed),
    };
    let client = Client {
        conversation: Conversation::new("2025-11-25"),
        requests,
        replies,
        closed,
    };
    (server, client)
}

impl Client {
    /// Sends no more messages.
    fn end_input(&mut self) {
        self.requests = mpsc::channel(1).0;
    }

    async fn send(&self, message: &[u8]) {
        self.conversation.sent(message);
        self.requests.send(Ok(message.to_vec())).await.unwrap();
    }

    async fn request(&self, id: u64, method: &str, mut params: Value, modern: bool) {
        if modern {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(request.to_string().as_bytes()).await;
    }

    async fn call(&self, id: u64, tool: &str) {
        let params = json!({ "name": tool, "arguments": {} });
        self.request(id, "tools/call", params, true).await;
    }

    async fn next(&mut self) -> Option<Value> {
        let next = tokio::time::timeout(Duration::from_secs(10), self.replies.recv());
        let message = next.await.expect("the server answers or closes in time")?;
        assert!(!message.contains('\n'), "{message}");
        let message = serde_json::from_str(&message).unwrap();
        self.conversation.received(&message);
        Some(message)
    }
}

#[derive(Default)]
struct Gate {
    open: Notify,
    waiting: AtomicUsize,
}

/// Answer at once.
#[tool]
async fn quick() -> &'static str {
    "quick"
}

/// Answer when the gate is opened.
#[tool]
async fn slow(gate: State<Gate>) -> &'static str {
    gate.waiting.fetch_add(1, Ordering::SeqCst);
    gate.open.notified().await;
    "slow"
}

/// Answer with much text.
#[tool]
async fn long() -> String {
    "x".repeat(LONG)
}

fn server() -> Server {
    let mut limits = Limits::default();
    limits.message_bytes = 4096;
    limits.shutdown_grace = Duration::from_secs(5);
    Server::new("transports", "1")
        .with(components![quick, slow, long])
        .state(Gate::default())
        .limits(limits)
}

fn text(reply: &Value) -> &str {
    reply["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{reply}"))
}

#[tokio::test]
async fn requests_are_served_concurrently_and_answered_after_the_input_ends() {
    let (transport, mut client) = connect(8);
    let serving = tokio::spawn(server().serve(transport));
    client.call(1, "slow").await;
    client.call(2, "quick").await;
    let first = client.next().await.unwrap();
    assert_eq!((&first["id"], text(&first)), (&json!(2), "quick"));
    // The input ends while a call is in flight and a subscription is open.
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    client
        .request(3, "subscriptions/listen", filter, true)
        .await;
    let acknowledged = client.next().await.unwrap();
    assert_eq!(
        acknowledged["method"],
        "notifications/subscriptions/acknowledged"
    );
    client.call(4, "quick").await;
    client.end_input();
    let mut ids = Vec::new();
    while ids.len() < 3 {
        let message = client.next().await.unwrap();
        ids.push((message["id"].clone(), message["method"].clone()));
    }
    // The end of the subscription is announced and answered; the slow call goes on.
    assert!(ids.contains(&(json!(4), Value::Null)), "{ids:?}");
    assert!(
        ids.contains(&(Value::Null, json!("notifications/cancelled"))),
        "{ids:?}"
    );
    assert!(ids.contains(&(json!(3), Value::Null)), "{ids:?}");
    assert!(!serving.is_finished(), "a call is in flight");
    serving.abort();
}

#[tokio::test]
async fn bad_messages_get_their_errors_and_the_next_is_served() {
    let (transport, mut client) = connect(8);
    let serving = tokio::spawn(server().serve(transport));
    let too_long = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"ping","params":{{"x":"{}"}}}}"#,
        "x".repeat(4096)
    );
    for (message, id, code) in [
        ("{", Value::Null, -32700),
        ("[]", Value::Null, -32600),
        ("", Value::Null, -32700),
        ("\u{feff}", Value::Null, -32700),
        (
            r#"{"jsonrpc":"2.0","id":3,"method":"nothing"}"#,
            json!(3),
            -32602,
        ),
        (&too_long, json!(7), -32600),
    ] {
        client.send(message.as_bytes()).await;
        let reply = client.next().await.unwrap();
        assert_eq!(
            reply.get("id").unwrap_or(&Value::Null),
            &id,
            "{message:.20}: {reply}"
        );
        assert_eq!(reply["error"]["code"], code, "{message:.20}: {reply}");
    }
    client.send(&[0xff, 0xfe]).await;
    assert_eq!(client.next().await.unwrap()["error"]["code"], -32700);
    client.call(8, "quick").await;
    assert_eq!(text(&client.next().await.unwrap()), "quick");
    drop(client.requests);
    serving.await.unwrap().unwrap();
    assert!(
        client.closed.load(Ordering::SeqCst),
        "the transport is closed"
    );
}

/// There is no deadlock: the server takes requests while its replies wait, and stops taking them when the waiting replies
/// have too many bytes.
#[tokio::test]
async fn a_client_that_does_not_read_is_not_served_further_and_loses_nothing() {
    let (transport, mut client) = connect(1);
    let serving = tokio::spawn(server().serve(transport));
    let mut sent = 0;
    let sending = async {
        loop {
            client.call(sent, "long").await;
            sent += 1;
        }
    };
    let stopped = tokio::time::timeout(Duration::from_millis(500), sending).await;
    assert!(
        stopped.is_err() && (4..20).contains(&sent),
        "{sent} requests were taken"
    );
    let mut answered = 0;
    while answered < sent {
        assert_eq!(text(&client.next().await.unwrap()).len(), LONG);
        answered += 1;
    }
    drop(client.requests);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_failed_connection_is_an_error_with_its_cause() {
    let (transport, client) = connect(1);
    let serving = tokio::spawn(server().serve(transport));
    let reset = io::Error::other("reset by test");
    client.requests.send(Err(reset)).await.unwrap();
    let error = serving.await.unwrap().unwrap_err();
    let cause = std::error::Error::source(&error).expect("a cause");
    assert_eq!(cause.to_string(), "reset by test");

    // A client that is gone when its reply is sent.
    let (transport, client) = connect(1);
    let serving = tokio::spawn(server().serve(transport));
    let Client {
        requests, replies, ..
    } = client;
    drop(replies);
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    requests
        .send(Ok(request.to_string().into_bytes()))
        .await
        .unwrap();
    assert!(serving.await.unwrap().is_err());
}

#[tokio::test]
async fn shutdown_lets_calls_finish_and_takes_no_more() {
    let (transport, mut client) = connect(8);
    let shutdown = Arc::<Notify>::default();
    let server = server();
    let told = Arc::clone(&shutdown);
    let serving = tokio::spawn(async move {
        let shutdown = async move { told.notified().await };
        server.serve_with_shutdown(transport, shutdown).await
    });
    client.call(1, "quick").await;
    assert_eq!(client.next().await.unwrap()["id"], 1);
    shutdown.notify_one();
    assert_eq!(client.next().await, None);
    serving.await.unwrap().unwrap();
    assert!(client.closed.load(Ordering::SeqCst));
}

fn serve_two(running: &RunningServer) -> (Client, Client) {
    let (one, first) = connect(8);
    let (two, second) = connect(8);
    for transport in [one, two] {
        let running = running.clone();
        tokio::spawn(async move { running.serve(transport).await });
    }
    (first, second)
}

/// Each connection has its own session and its own end. When the server ends, all connections end.
#[tokio::test]
async fn connections_of_one_server_are_apart() {
    let running = server().start().await.unwrap();
    let (mut first, mut second) = serve_two(&running);
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "first", "version": "1" } });
    first.request(1, "initialize", hello, false).await;
    assert_eq!(
        first.next().await.unwrap()["result"]["protocolVersion"],
        "2025-06-18"
    );
    // The session of the first connection is unknown on the second.
    second
        .request(1, "logging/setLevel", json!({ "level": "info" }), false)
        .await;
    assert_eq!(second.next().await.unwrap()["error"]["code"], -32602);
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    second
        .request(2, "subscriptions/listen", filter, true)
        .await;
    assert_eq!(
        second.next().await.unwrap()["method"],
        "notifications/subscriptions/acknowledged"
    );
    // The end of the first connection does not affect the subscription of the second.
    drop(first.requests);
    assert_eq!(first.replies.recv().await, None);
    second.call(3, "quick").await;
    assert_eq!(second.next().await.unwrap()["id"], 3);
    running.stop().await;
    let mut last = Vec::new();
    while let Some(message) = second.next().await {
        last.push(message["id"].clone());
    }
    assert!(
        last.contains(&json!(2)),
        "the subscription is answered: {last:?}"
    );
    assert!(second.closed.load(Ordering::SeqCst));
}
