//! A whole server, for what has no smaller part that reads it.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, mpsc};

use crate::protocol::error::INVALID_PARAMS;
use crate::transport::http::Listener;
use crate::{Client, Context, RateLimit, Revision, Server, Tool};

/// The time after which an input counts as not handled.
const HANG: Duration = Duration::from_secs(20);
/// The number of times that the server runs before its client ends the connection.
const TURNS: usize = 50;

/// The servers of a thread.
struct Servers {
    runtime: Runtime,
    client: Client,
    /// The connections of the HTTP server.
    http: mpsc::UnboundedSender<DuplexStream>,
}

thread_local! {
    static SERVERS: Servers = servers();
}

fn servers() -> Servers {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let client = runtime.block_on(async { server().client().await });
    let (http, accepted) = mpsc::unbounded_channel();
    runtime.spawn(server().serve_connections(Streams(Mutex::new(accepted))));
    Servers {
        runtime,
        client,
        http,
    }
}

/// A listener whose connections are in memory.
struct Streams(Mutex<mpsc::UnboundedReceiver<DuplexStream>>);

impl Listener for Streams {
    type Stream = DuplexStream;

    async fn accept(&self) -> io::Result<(DuplexStream, Option<SocketAddr>)> {
        match self.0.lock().await.recv().await {
            Some(stream) => Ok((stream, Some((Ipv4Addr::LOCALHOST, 1).into()))),
            None => pending().await,
        }
    }
}

/// Returns a server with three tools.
pub(super) fn server() -> Server {
    let schema = json!({ "type": "object" });
    let keep = |arguments: Value, _: Context| async move { arguments.to_string() };
    // The address that a loopback proxy forwards may be one with a limit.
    let empty = Server::new("fuzzed", "1")
        .page_size(1)
        .rate_limit(RateLimit::unlimited());
    let tools = ["keep", "other", "third"].map(|name| Tool::new(name, schema.clone(), keep));
    tools.into_iter().fold(empty, Server::with)
}

/// Sends a request of the newest revision, and returns the reply.
pub(super) fn ask(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": Revision::LATEST.name(),
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let message =
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    SERVERS.with(|servers| {
        let reply = async {
            let reply = servers.client.send(&message);
            tokio::time::timeout(HANG, reply).await
        };
        let reply = servers.runtime.block_on(reply).expect("no answer");
        reply.expect("a server").expect("a reply")
    })
}

/// Asks for the page at a cursor. Every other text is refused.
pub fn cursor(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let reply = ask("tools/list", json!({ "cursor": text }));
    match &reply["result"]["nextCursor"] {
        Value::Null if reply.get("result").is_none() => {
            assert_eq!(reply["error"]["code"], INVALID_PARAMS, "{reply}");
        }
        Value::Null => {}
        next => assert_ne!(next.as_str(), Some(&*text), "the list never ends"),
    }
}

/// Sends the bytes on a connection of the listener. The connection ends, and what the server sends are responses.
pub fn http_request(data: &[u8]) {
    SERVERS.with(|servers| {
        let (near, far) = tokio::io::duplex(1 << 20);
        servers.http.send(far).expect("the server runs");
        let answer = servers
            .runtime
            .block_on(async { tokio::time::timeout(HANG, exchange(near, data)).await });
        let answer = answer.expect("the connection never ends");
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1."),
            "{}",
            answer.escape_ascii()
        );
    });
}

async fn exchange(mut stream: DuplexStream, data: &[u8]) -> Vec<u8> {
    // The server may refuse to read further.
    let _ = stream.write_all(data).await;
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}
