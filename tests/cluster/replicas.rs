//! Replicas of a server, and their clients.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mcp_runtime::prelude::*;
use mcp_runtime::{
    Elicit, LogRead, MemoryStore, ServerHandle, Store, StoreEntry, StoreFuture, schemars,
};
use mcp_tests::Outcome;
use mcp_tests::raw_http::{self, Connection, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const LEGACY: &str = "2025-11-25";

/// The URI of the resource.
pub(crate) const NOTE: &str = "note://one";

/// The number of calls of `wait` that run.
pub(crate) static WAITING: AtomicUsize = AtomicUsize::new(0);

/// A store that can be away.
#[derive(Clone, Default)]
pub(crate) struct SharedStore {
    store: Arc<MemoryStore>,
    is_away: Arc<AtomicBool>,
}

type Check = Result<(), Box<dyn Error + Send + Sync>>;

impl SharedStore {
    pub(crate) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    fn check(&self) -> Check {
        if self.is_away.load(Ordering::SeqCst) {
            return Err("the store is away".into());
        }
        Ok(())
    }
}

impl Store for SharedStore {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            self.check()?;
            self.store.get(key).await
        })
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.check()?;
            self.store.put_if_absent(key, entry).await
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.check()?;
            self.store.replace(key, old, entry).await
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.check()?;
            self.store.remove(key).await
        })
    }

    fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            self.check()?;
            self.store.append(log, entry).await
        })
    }

    fn read_after<'a>(
        &'a self,
        log: &'a str,
        after: u64,
        wait: Duration,
    ) -> StoreFuture<'a, LogRead> {
        Box::pin(async move {
            self.check()?;
            let read = self.store.read_after(log, after, wait).await?;
            self.check()?;
            Ok(read)
        })
    }

    fn last_position<'a>(&'a self, log: &'a str) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            self.check()?;
            self.store.last_position(log).await
        })
    }
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Name {
    name: String,
}

/// Ask for a name.
#[tool]
async fn greet(context: Context) -> Result<String, ToolError> {
    let Name { name } = context.elicit("Who are you?").await?;
    Ok(format!("Hello, {name}!"))
}

/// Change the note.
#[tool]
async fn change(context: Context) {
    context.notify().resource_updated(NOTE);
}

/// Change the list of tools.
#[tool]
async fn change_tools(context: Context) {
    context.notify().tools_changed();
}

/// Report progress and log.
#[tool]
async fn log(context: Context) {
    context.log(LogLevel::Info, "something");
}

/// Write a report, after a question.
#[tool(task = "required")]
async fn report(context: Context) -> Result<String, ToolError> {
    context.progress(1, Some(2), Some("begun"));
    let Name { name } = context.elicit("For whom?").await?;
    Ok(format!("A report for {name}."))
}

struct Waiting;

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Wait for ever.
#[tool]
async fn wait() {
    WAITING.fetch_add(1, Ordering::SeqCst);
    let _waiting = Waiting;
    std::future::pending::<()>().await;
}

/// Count the calls of the session.
#[tool]
async fn count(context: Context) -> Result<u64, ToolError> {
    let session = context.session()?;
    let count = session.get::<u64>("count").await?.unwrap_or_default() + 1;
    session.set("count", &count).await?;
    Ok(count)
}

/// A note.
#[resource("note://one")]
pub(crate) async fn note() -> &'static str {
    "A note."
}

/// One replica.
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
}

/// Starts replicas that share a store.
pub(crate) async fn replicas<const N: usize>(store: &SharedStore) -> Outcome<[Replica; N]> {
    let mut started = Vec::new();
    for _ in 0..N {
        let server = Server::new("replicas", "1")
            .session_keys([[7; 32]])
            .with(components![
                greet,
                change,
                change_tools,
                log,
                wait,
                count,
                report,
                note
            ])
            .cluster(store.clone());
        let handle = server.handle();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(server.serve_listener_with_shutdown(listener, std::future::pending()));
        started.push(Replica { address, handle });
    }
    for replica in &started {
        until(|| Ok(get(replica.address, "/ready", "")?.status == 200))?;
    }
    started.try_into().map_err(|_| "not as many".into())
}

/// Waits until something is true.
pub(crate) fn until(mut is_true: impl FnMut() -> Outcome<bool>) -> Outcome<()> {
    let begin = Instant::now();
    while !is_true()? {
        if begin.elapsed() > Duration::from_secs(10) {
            return Err("it does not become true".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Sends a request without a body.
fn send(address: SocketAddr, method: &str, path: &str, headers: &str) -> Outcome<Connection> {
    use std::io::Write as _;

    let mut connection = Connection::open(address)?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n{headers}\r\n"
    );
    connection.socket().write_all(request.as_bytes())?;
    Ok(connection)
}

pub(crate) fn get(address: SocketAddr, path: &str, headers: &str) -> Outcome<Response> {
    send(address, "GET", path, headers)?.read()
}

/// Sends a request of the stateless era to a replica, and returns the connection.
pub(crate) fn post_modern(
    replica: &Replica,
    method: &str,
    name: Option<&str>,
    mut params: Value,
) -> Outcome<Connection> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "x", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {
            "elicitation": { "form": {} },
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        },
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut connection = Connection::open(replica.address)?;
    connection.post(&raw_http::modern_headers(method, name), &body.to_string())?;
    Ok(connection)
}

/// Sends a request of the stateless era to a replica, and returns the result.
pub(crate) fn modern(
    replica: &Replica,
    method: &str,
    name: Option<&str>,
    params: Value,
) -> Outcome<Value> {
    let mut reply = post_modern(replica, method, name, params)?
        .read()?
        .message()?;
    match reply["result"].take() {
        Value::Null => Err(reply.to_string().into()),
        result => Ok(result),
    }
}

/// Listens in the stateless era.
pub(crate) fn listen(replica: &Replica, wishes: &Value) -> Outcome<Connection> {
    let params = json!({ "notifications": wishes });
    let mut connection = post_modern(replica, "subscriptions/listen", None, params)?;
    connection.head()?;
    events_until(&mut connection, "acknowledged")?;
    Ok(connection)
}

/// A legacy session, whose requests may go to any replica.
pub(crate) struct Session {
    pub(crate) headers: String,
}

impl Session {
    /// Opens a session at a replica.
    pub(crate) fn open(replica: &Replica) -> Outcome<Self> {
        let initialize = format!(
            r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{LEGACY}","capabilities":{{"elicitation":{{}}}},"clientInfo":{{"name":"x","version":"1"}}}}}}"#
        );
        let (headers, _) = raw_http::session(replica.address, LEGACY, "", &initialize)?;
        Ok(Self { headers })
    }

    /// Sends `notifications/initialized` to a replica.
    pub(crate) fn initialized(&self, replica: &Replica) -> Outcome<u16> {
        let message = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        Ok(self.send(replica, message)?.status)
    }

    /// Sends a message to a replica.
    pub(crate) fn send(&self, replica: &Replica, message: &str) -> Outcome<Response> {
        Connection::open(replica.address)?.ask(&self.headers, message)
    }

    /// Sends a request to a replica, and returns the body of the response.
    pub(crate) fn ask(&self, replica: &Replica, method: &str, params: &str) -> Outcome<Response> {
        let message =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        self.send(replica, &message)
    }

    /// Calls a tool without arguments.
    pub(crate) fn call(&self, replica: &Replica, tool: &str) -> Outcome<Response> {
        self.ask(replica, "tools/call", &format!(r#"{{"name":"{tool}"}}"#))
    }

    /// Starts to call a tool without arguments, with this id.
    pub(crate) fn begin(&self, replica: &Replica, id: u32, tool: &str) -> Outcome<Connection> {
        let mut connection = Connection::open(replica.address)?;
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}"}}}}"#
        );
        connection.post(&self.headers, &message)?;
        Ok(connection)
    }

    /// Opens the GET stream at a replica.
    pub(crate) fn listen(&self, replica: &Replica) -> Outcome<Connection> {
        let mut connection = send(replica.address, "GET", "/mcp", &self.headers)?;
        match connection.head()?.status {
            200 => Ok(connection),
            status => Err(format!("status {status}").into()),
        }
    }

    pub(crate) fn delete(&self, replica: &Replica) -> Outcome<u16> {
        let mut connection = send(replica.address, "DELETE", "/mcp", &self.headers)?;
        Ok(connection.head()?.status)
    }
}

/// Reads events until one of them contains a text, and returns the data of all.
pub(crate) fn events_until(stream: &mut Connection, text: &str) -> Outcome<Vec<String>> {
    let mut events = Vec::new();
    loop {
        let chunk = stream.chunk()?;
        if chunk.is_empty() {
            return Err(format!("the stream ends after {events:?}").into());
        }
        let data = chunk.lines().filter_map(|line| line.strip_prefix("data: "));
        events.extend(data.filter(|data| !data.is_empty()).map(str::to_owned));
        if events.iter().any(|event| event.contains(text)) {
            return Ok(events);
        }
    }
}
