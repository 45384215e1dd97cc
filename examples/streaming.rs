//! Results that arrive in parts, work that can be cancelled, and a stream of events that stays open.
//!
//! ```sh
//! cargo run --example streaming -- call tell text='One word after the other'
//! cargo run --example streaming -- --http 127.0.0.1:8000
//! cargo build --release --example streaming
//! claude mcp add streaming -- "$PWD/target/release/examples/streaming"
//! ```
//!
//! - `tell` returns a `Stream`. A client that asks for progress receives each item at once, and all clients receive the whole
//!   result at the end, because the protocol has no partial results.
//! - `count_primes` computes on a thread. It reports progress, and stops when its client cancels the call or disconnects.
//! - `clock://ticks` changes every second. A client that subscribes to it receives the changes on one stream of events, as long
//!   as it keeps that open. Proxies must not close the stream: the server sends a comment when there are no events (see
//!   `Limits::keep_alive`).
//!
//! Over HTTP, a reply becomes a stream of events (`text/event-stream`) as soon as there is something to send before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use mcp_runtime::{ServerHandle, prelude::*};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The resource that changes.
const TICKS: &str = "clock://ticks";

/// The number of candidates between two progress reports.
const STEP: u32 = 10_000;

/// Return a text word by word.
#[tool(read_only, open_world = false)]
async fn tell(
    /// The text.
    #[arg(length(1..=10_000))]
    text: String,
    /// The time before each word, in milliseconds.
    #[arg(default = 200, range(0..=1000))]
    pause: u64,
) -> impl Stream<Item = String> {
    let words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
    stream::iter(words).then(move |word| async move {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        word
    })
}

/// The number of calls that were cancelled.
struct Cancelled(watch::Sender<u32>);

/// Count the primes below a limit. This takes long for large limits.
#[tool(read_only, open_world = false)]
fn count_primes(
    /// The limit.
    #[arg(range(2..))]
    limit: u32,
    context: Context,
    cancel: Cancel,
    cancelled: State<Cancelled>,
) -> Result<u32, ToolError> {
    let mut found = 0;
    for candidate in 2..limit {
        if candidate.is_multiple_of(STEP) {
            // A plain function runs on a thread, which nobody can stop from outside.
            if cancel.is_cancelled() {
                cancelled.0.send_modify(|count| *count += 1);
                return Err(ToolError::new("cancelled"));
            }
            let message = format!("{found} primes so far");
            context.progress(candidate, Some(limit), Some(&message));
        }
        found += u32::from(is_prime(candidate));
    }
    Ok(found)
}

fn is_prime(candidate: u32) -> bool {
    (2..=candidate.isqrt()).all(|divisor| !candidate.is_multiple_of(divisor))
}

/// The number of ticks since the server started. It runs while the server runs.
struct Clock {
    ticks: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Clock {
    /// Starts a task that counts, and notifies the subscribers.
    fn start(server: ServerHandle, interval: Duration) -> Self {
        let ticks = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&ticks);
        let mut interval = tokio::time::interval(interval);
        let task = tokio::spawn(async move {
            loop {
                interval.tick().await;
                count.fetch_add(1, Ordering::Relaxed);
                if let Some(notifier) = server.notify() {
                    notifier.resource_updated(TICKS);
                }
            }
        });
        Self {
            ticks,
            task: task.abort_handle(),
        }
    }
}

/// The number of ticks since the server started.
#[resource("clock://ticks", mime = "text/plain")]
async fn ticks(clock: State<Clock>) -> String {
    clock.ticks.load(Ordering::Relaxed).to_string()
}

fn server(interval: Duration) -> Server {
    let server = mcp_runtime::server!();
    let handle = server.handle();
    server
        .title("Streaming")
        .state(Cancelled(watch::Sender::new(0)))
        .lifespan(
            move || async move { Ok::<_, ToolError>(Clock::start(handle, interval)) },
            |clock: Arc<Clock>| async move { clock.task.abort() },
        )
}

fn main() -> std::process::ExitCode {
    server(Duration::from_secs(1)).run()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use mcp_runtime::{Revision, ServerHandle};
    use serde_json::{Value, json};
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A stateless revision, and one with sessions.
    const ERAS: [Revision; 2] = [Revision::V2026_07_28, Revision::V2025_11_25];

    /// Serves over HTTP, with a clock that ticks often.
    async fn serve() -> (SocketAddr, ServerHandle, watch::Receiver<u32>) {
        let cancelled = watch::Sender::new(0);
        let receiver = cancelled.subscribe();
        let server = mcp_runtime::server!();
        let (handle, clock) = (server.handle(), server.handle());
        let server =
            server.state(Cancelled(cancelled)).lifespan(
                move || async move {
                    Ok::<_, ToolError>(Clock::start(clock, Duration::from_millis(20)))
                },
                |clock: Arc<Clock>| async move { clock.task.abort() },
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(server.serve_listener(listener));
        (address, handle, receiver)
    }

    /// The response to one request, on a connection of its own.
    struct Response {
        lines: Lines<BufReader<TcpStream>>,
        /// The status line and the headers, in lower case.
        head: Vec<String>,
    }

    impl Response {
        fn header(&self, name: &str) -> Option<&str> {
            self.head
                .iter()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        }

        /// Returns the next message, or `None` at the end.
        async fn next(&mut self) -> Option<Value> {
            loop {
                let line = tokio::time::timeout(Duration::from_secs(20), self.lines.next_line());
                let line = line.await.expect("a line in time").ok()??;
                let data = line.strip_prefix("data: ").unwrap_or(&line);
                if data.starts_with('{') {
                    return Some(serde_json::from_str(data).unwrap());
                }
            }
        }
    }

    /// A client that uses a connection for each request.
    struct Client {
        address: SocketAddr,
        revision: Revision,
        session: Option<String>,
    }

    impl Client {
        async fn connect(address: SocketAddr, revision: Revision) -> Self {
            let mut client = Self {
                address,
                revision,
                session: None,
            };
            if revision != Revision::V2026_07_28 {
                let params = json!({
                    "protocolVersion": revision.name(), "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
                });
                let mut response = client.request("initialize", params).await;
                assert!(response.next().await.unwrap().get("result").is_some());
                client.session = response.header("mcp-session-id").map(str::to_owned);
                let initialized =
                    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
                client.send("POST", &[], &initialized.to_string()).await;
            }
            client
        }

        async fn request(&self, method: &str, mut params: Value) -> Response {
            params["_meta"]["progressToken"] = "token".into();
            let name = params["name"].as_str().unwrap_or_default().to_owned();
            let mut headers = vec![];
            if self.revision == Revision::V2026_07_28 {
                params["_meta"]["io.modelcontextprotocol/protocolVersion"] =
                    self.revision.name().into();
                params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
                headers.push(("mcp-method", method));
                if !name.is_empty() {
                    headers.push(("mcp-name", &name));
                }
            }
            let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            self.send("POST", &headers, &message.to_string()).await
        }

        async fn send(&self, method: &str, headers: &[(&str, &str)], body: &str) -> Response {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let mut head = format!(
                "{method} /mcp HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {}\r\nContent-Length: {}\r\n",
                self.address,
                self.revision.name(),
                body.len()
            );
            let session = self
                .session
                .as_deref()
                .map(|session| ("mcp-session-id", session));
            for (name, value) in headers.iter().copied().chain(session) {
                head = format!("{head}{name}: {value}\r\n");
            }
            stream
                .write_all(format!("{head}\r\n{body}").as_bytes())
                .await
                .unwrap();
            let mut lines = BufReader::new(stream).lines();
            let mut head = Vec::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.is_empty() {
                    break;
                }
                // A session is case-sensitive.
                let (name, value) = line.split_once(':').unwrap_or((&line, ""));
                head.push(format!("{}:{value}", name.to_ascii_lowercase()));
            }
            Response { lines, head }
        }
    }

    #[tokio::test]
    async fn items_arrive_as_progress_before_the_result() {
        let (address, handle, _) = serve().await;
        for revision in ERAS {
            let client = Client::connect(address, revision).await;
            let arguments = json!({ "text": "one two three", "pause": 20 });
            let mut response = client
                .request(
                    "tools/call",
                    json!({ "name": "tell", "arguments": arguments }),
                )
                .await;
            assert_eq!(
                response.header("content-type"),
                Some("text/event-stream"),
                "{revision:?}"
            );
            for (number, word) in (1..).zip(["one", "two", "three"]) {
                let message = response.next().await.unwrap();
                assert_eq!(
                    message["method"], "notifications/progress",
                    "{revision:?}: {message}"
                );
                assert_eq!(message["params"]["progressToken"], "token");
                assert_eq!(message["params"]["message"], word);
                assert_eq!(
                    message["params"]["progress"].as_f64(),
                    Some(f64::from(number))
                );
            }
            let reply = response.next().await.unwrap();
            let content = reply["result"]["content"].as_array().unwrap();
            let words: Vec<_> = content
                .iter()
                .map(|block| block["text"].as_str().unwrap())
                .collect();
            assert_eq!(words, ["one", "two", "three"]);
            assert_eq!(response.next().await, None);
        }
        handle.stop().await;
    }

    #[tokio::test]
    async fn work_ends_with_its_result_or_with_its_client() {
        let (address, handle, mut cancelled) = serve().await;
        let client = Client::connect(address, Revision::V2026_07_28).await;
        let call = |limit: u32| json!({ "name": "count_primes", "arguments": { "limit": limit } });
        let mut response = client.request("tools/call", call(25_000)).await;
        for done in [10_000, 20_000] {
            let progress = response.next().await.unwrap();
            assert_eq!(
                progress["params"]["progress"].as_f64(),
                Some(f64::from(done))
            );
        }
        let reply = response.next().await.unwrap();
        assert_eq!(reply["result"]["structuredContent"]["result"], 2762);
        assert_eq!(*cancelled.borrow(), 0);

        let mut response = client.request("tools/call", call(u32::MAX)).await;
        assert_eq!(
            response.next().await.unwrap()["method"],
            "notifications/progress"
        );
        drop(response);
        let stopped = tokio::time::timeout(Duration::from_secs(60), cancelled.changed());
        stopped
            .await
            .expect("the work stops when its client has gone")
            .unwrap();
        assert_eq!(*cancelled.borrow(), 1);
        handle.stop().await;
    }

    #[tokio::test]
    async fn changes_arrive_on_one_stream_until_the_server_stops() {
        for revision in ERAS {
            let (address, handle, _) = serve().await;
            let client = Client::connect(address, revision).await;
            let mut events = if revision == Revision::V2026_07_28 {
                let filter = json!({ "resourceSubscriptions": [TICKS] });
                client
                    .request("subscriptions/listen", json!({ "notifications": filter }))
                    .await
            } else {
                let events = client.send("GET", &[], "").await;
                let mut subscribed = client
                    .request("resources/subscribe", json!({ "uri": TICKS }))
                    .await;
                assert!(subscribed.next().await.unwrap().get("result").is_some());
                events
            };
            assert_eq!(
                events.header("content-type"),
                Some("text/event-stream"),
                "{revision:?}"
            );
            let mut updates = 0;
            while updates < 3 {
                let event = events.next().await.unwrap();
                match event["method"].as_str() {
                    Some("notifications/resources/updated") => {
                        assert_eq!(event["params"]["uri"], TICKS);
                        updates += 1;
                    }
                    method => assert_eq!(
                        method,
                        Some("notifications/subscriptions/acknowledged"),
                        "{revision:?}"
                    ),
                }
            }
            let mut read = client
                .request("resources/read", json!({ "uri": TICKS, "name": TICKS }))
                .await;
            let text = read.next().await.unwrap()["result"]["contents"][0]["text"].take();
            assert!(
                text.as_str().unwrap().parse::<u64>().unwrap() >= 3,
                "{text}"
            );
            let stopping = tokio::spawn(async move { handle.stop().await });
            while events.next().await.is_some() {}
            stopping.await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_server_of_the_example_has_the_same_parts() {
        let client = server(Duration::from_secs(1)).client().await;
        let reply = client
            .call("tell", json!({ "text": "a b", "pause": 0 }))
            .await
            .unwrap();
        assert_eq!(reply.content().len(), 2);
        assert!(client.read(TICKS).await.is_ok());
        client.close().await;
    }
}
