//! Tests with raw HTTP against the built-in listener, with a fake service.

mod calls;
mod cors;
mod early;
mod half_closed;
mod limits;
mod messages;
mod mounted;
mod state;
mod streams;
mod versions;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::{Connections, Encryption, HttpBody, HttpOptions, HttpService, PeerAddress};
use crate::in_flight::{InFlight, Scope, Stop};
use crate::metrics::Metrics;
use crate::owner::Owner;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{MessageKind, begin_result, notification};
use crate::protocol::{Id, Revision};
use crate::seal::Sealer;
use crate::service::{
    Budgets, Exchange, Handling, Limits, Listening, Origin, Outbound, Reply, Service,
};
use crate::session::{Session, Sessions, Tokens};

/// The maximum time to wait for an expected event.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The time to wait before checking that an event did not happen.
const SHORT_WAIT: Duration = Duration::from_millis(100);

/// A fake service, whose methods have the names of their behaviour.
pub(super) struct Fake {
    limits: Limits,
    budgets: Budgets,
    metrics: Metrics,
    stopping: AtomicBool,
    in_flight: Arc<InFlight>,
    /// The receiver of changes for the newest session.
    pub(super) listener: Mutex<Option<Arc<dyn Outbound>>>,
    /// Held by each listener, to count them.
    listening: Arc<()>,
    handled: AtomicUsize,
    /// The number of handlers that were dropped before they were done.
    cancelled: Arc<AtomicUsize>,
    finished: Arc<AtomicUsize>,
    /// Each permit lets one waiting handler continue.
    release: Arc<Semaphore>,
}

impl Fake {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            budgets: Budgets::new(&limits),
            limits,
            metrics: Metrics::default(),
            stopping: AtomicBool::new(false),
            in_flight: Arc::new(InFlight::new(1024)),
            listener: Mutex::default(),
            listening: Arc::default(),
            handled: AtomicUsize::new(0),
            cancelled: Arc::default(),
            finished: Arc::default(),
            release: Arc::new(Semaphore::new(0)),
        })
    }

    fn guard(&self) -> OutcomeGuard {
        OutcomeGuard {
            done: false,
            cancelled: Arc::clone(&self.cancelled),
            finished: Arc::clone(&self.finished),
        }
    }
}

/// The length of a long answer, which exceeds the socket buffers between server and client.
const LONG: usize = 40_000_000;

/// A guard that counts how a handler ended.
struct OutcomeGuard {
    done: bool,
    cancelled: Arc<AtomicUsize>,
    finished: Arc<AtomicUsize>,
}

impl Drop for OutcomeGuard {
    fn drop(&mut self) {
        let counter = if self.done {
            &self.finished
        } else {
            &self.cancelled
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

fn tokens() -> Tokens {
    Tokens::new(Arc::new(Sealer::random().unwrap()))
}

pub(super) fn begin() -> Session {
    let (can, client) = (ClientCapabilities::default(), ClientInfo::default());
    Sessions::begin(Revision::LATEST_LEGACY, can, client, None).unwrap()
}

/// A `Stop` that does nothing.
struct NoStop;

impl Stop for NoStop {
    fn stop(&self) {}
}

impl Fake {
    /// Returns a handling that waits for a future, unless the request is cancelled first.
    fn pending(
        &self,
        key: Option<(Scope, Id)>,
        future: impl Future<Output = Reply> + Send + 'static,
    ) -> Handling {
        let mut ticket = self.in_flight.enter(key, Owner::Local, 0, Arc::new(NoStop));
        Handling::Pending(Box::pin(async move {
            let reply = tokio::select! {
                biased;
                () = std::future::poll_fn(|context| ticket.poll_cancelled(context)) => return None,
                reply = future => reply,
            };
            ticket.finish().then_some(reply)
        }))
    }
}

impl Service for Fake {
    fn handle(&self, exchange: Exchange) -> Handling {
        self.handled.fetch_add(1, Ordering::SeqCst);
        let message = Arc::clone(&exchange.message);
        let refusal = crate::dispatch::refuse(&exchange);
        let scope = exchange
            .session
            .as_ref()
            .map(|session| Scope::Session(session.nonce));
        let failure = |error: RpcError| Handling::Ready(Reply::error(message.id(), &error));
        if let Err(error) = refusal {
            return failure(error);
        }
        let MessageKind::Request(id) = message.kind().clone() else {
            let cancelled = message.params().ok().and_then(|params| params.request_id());
            if let (Some(scope), Some(id)) = (scope, cancelled) {
                self.in_flight.cancel(scope, &id);
            }
            return Handling::Nothing;
        };
        let key = scope.map(|scope| (scope, id.clone()));
        let reply = Reply::new(begin_result(&id) + "{}}");
        let progress =
            |step: u8| notification("notifications/progress", &format!("{{\"step\":{step}}}"));
        match message.method() {
            "initialize" => {
                exchange.outbound.send(progress(0));
                Handling::Ready(Reply {
                    opened: Some(begin()),
                    ..reply
                })
            }
            "no/such" => failure(RpcError::unknown_method("no/such")),
            "busy" => failure(RpcError::overloaded("Too many requests")),
            "echo/header" => {
                let header = exchange
                    .origin
                    .headers
                    .as_ref()
                    .and_then(|headers| headers.get("X-Test"));
                let text = format!("{}\"{}\"}}", begin_result(&id), header.unwrap_or("none"));
                Handling::Ready(Reply::new(text))
            }
            "echo/peer" => {
                let text = format!("{}\"{:?}\"}}", begin_result(&id), exchange.origin.peer);
                Handling::Ready(Reply::new(text))
            }
            "tell" => {
                exchange.outbound.send(progress(1));
                exchange.outbound.send(progress(2));
                Handling::Ready(reply)
            }
            "cut" => {
                let release = Arc::clone(&self.release);
                let outbound = exchange.outbound;
                self.pending(key, async move {
                    outbound.cut();
                    release.acquire().await.unwrap().forget();
                    outbound.send(progress(1));
                    reply
                })
            }
            "long" => {
                let text = format!("{}\"{}\"}}", begin_result(&id), "x".repeat(LONG));
                Handling::Ready(Reply::new(text))
            }
            "flood" => {
                let guard = self.guard();
                let outbound = exchange.outbound;
                self.pending(key, async move {
                    let _guard = guard;
                    loop {
                        outbound.send("x".repeat(100_000));
                        tokio::task::yield_now().await;
                    }
                })
            }
            method @ ("slow" | "tell/slow") => {
                let tells = method == "tell/slow";
                let release = Arc::clone(&self.release);
                let guard = self.guard();
                let outbound = exchange.outbound;
                self.pending(key, async move {
                    let mut guard = guard; // moves the whole guard, not only its flag
                    for step in [1, 2] {
                        if tells {
                            outbound.send(progress(step));
                        }
                        release.acquire().await.unwrap().forget();
                    }
                    guard.done = true;
                    reply
                })
            }
            _ => Handling::Ready(reply),
        }
    }

    fn listen(
        &self,
        _: &Session,
        _: &Origin,
        outbound: Arc<dyn Outbound>,
    ) -> Result<Listening, RpcError> {
        if Arc::strong_count(&self.listening) > self.limits.listeners {
            return Err(RpcError::overloaded("too many listeners"));
        }
        *self.listener.lock().unwrap() = Some(outbound);
        Ok(Box::new(Arc::clone(&self.listening)))
    }

    fn forget_session(&self, _: &Session) {}

    fn forget_connection(&self, _: u64) {}

    fn end_session(&self, session: &Session) {
        let scope = Scope::Session(session.nonce);
        self.in_flight.cancel_all(Some(scope));
    }

    fn cancel(&self, _: u64) {}

    fn close(&self, _: u64) {}

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    #[cfg(feature = "auth")]
    fn scopes(&self) -> Vec<String> {
        Vec::new()
    }

    #[cfg(feature = "auth")]
    fn scopes_to_ask_for(&self, needed: &[String], _: &[String]) -> Vec<String> {
        needed.to_vec()
    }

    #[cfg(feature = "auth")]
    fn local_caller(&self) -> Option<Arc<crate::auth::Identity>> {
        None
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    #[cfg(all(feature = "audit", feature = "auth"))]
    fn audit(&self, _: &mut dyn FnMut() -> crate::audit::AuditRecord) {}

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    #[cfg(feature = "metrics")]
    fn metrics_text(&self) -> Option<String> {
        None
    }
}

/// A listener that serves the fake service.
struct TestServer {
    address: SocketAddr,
    fake: Arc<Fake>,
    service: HttpService,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(limits: Limits) -> TestServer {
    let options = HttpOptions {
        allowed_hosts: vec!["mcp.example.com".into()],
        allowed_origins: vec!["https://app.example.com".into()],
        ..HttpOptions::default()
    };
    let fake = Fake::new(limits.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let service = HttpService::new(fake.clone(), tokens(), options, None);
    let served = service.clone();
    let task = tokio::spawn(async move {
        let mut connections = Connections::new(
            HttpOptions::default(),
            limits,
            Encryption::default(),
            Metrics::default(),
        );
        let stopped = async {
            let _ = stopped.await;
        };
        let served = connections.serve(&listener, served, stopped).await;
        drop(listener);
        connections.close().await;
        served
    });
    TestServer {
        address,
        fake,
        service,
        stop,
        task,
    }
}

impl TestServer {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request on a new connection and reads the whole answer.
    async fn send(&self, request: &Request<'_>) -> Answer {
        self.send_bytes(&request.bytes()).await
    }

    async fn send_bytes(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_end(&mut stream).await
    }

    async fn initialize(&self) -> String {
        let answer = self.send(&post(&rpc(0, "initialize"))).await;
        answer.header("mcp-session-id").unwrap().to_owned()
    }
}

/// Sends a request to a mounted server. There is no socket, which would not work with a paused clock.
async fn ask(service: &HttpService, request: &Request<'_>) -> hyper::Response<HttpBody> {
    let (method, path) = request.line.split_once(' ').unwrap();
    let mut builder = hyper::Request::builder().method(method).uri(path);
    for (name, value) in &request.headers {
        builder = builder.header(*name, *value);
    }
    let request = builder.body(request.body.clone()).unwrap();
    let mut service = service.clone();
    tower_service::Service::call(&mut service, request)
        .await
        .unwrap()
}

async fn read_to_end(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    tokio::time::timeout(TIMEOUT, reading)
        .await
        .unwrap()
        .unwrap();
    Answer::parse(&bytes)
}

/// Reads until the received text ends with `end`.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut byte = [0];
        let read = tokio::time::timeout(TIMEOUT, stream.read(&mut byte)).await;
        assert_eq!(read.unwrap().unwrap(), 1, "the stream ended after {text:?}");
        text.push(char::from(byte[0]));
    }
    text
}

/// Waits until a counter reaches a value. Returns `false` if it does not within the timeout.
async fn reaches(counter: &AtomicUsize, value: usize) -> bool {
    let waiting = async {
        while counter.load(Ordering::SeqCst) != value {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, waiting).await.is_ok()
}

/// A request. A header that is set replaces the default one, and an empty value removes it.
#[derive(Clone)]
struct Request<'a> {
    line: &'a str,
    headers: Vec<(&'a str, &'a [u8])>,
    body: String,
}

fn request(line: &str) -> Request<'_> {
    Request {
        line,
        headers: vec![("Host", b"localhost"), ("Connection", b"close")],
        body: String::new(),
    }
}

fn post(body: &str) -> Request<'static> {
    Request {
        body: body.to_owned(),
        ..request("POST /mcp")
    }
    .with("Content-Type", "application/json")
    .with("Accept", "application/json, text/event-stream")
}

impl<'a> Request<'a> {
    fn with(self, name: &'a str, value: &'a str) -> Self {
        self.with_bytes(name, value.as_bytes())
    }

    fn with_bytes(mut self, name: &'a str, value: &'a [u8]) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.headers.push((name, value));
        }
        self
    }

    fn and(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value.as_bytes()));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} HTTP/1.1\r\n", self.line).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
        bytes.extend_from_slice(length.as_bytes());
        bytes.extend_from_slice(self.body.as_bytes());
        bytes
    }
}

/// Returns a request of the legacy era.
fn rpc(id: i64, method: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#)
}

/// Returns a request of the stateless era.
fn modern(method: &str, members: &str) -> String {
    modern_of("2026-07-28", method, members)
}

fn modern_of(version: &str, method: &str, members: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{{members}"_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}","io.modelcontextprotocol/clientCapabilities":{{}},"progressToken":1}}}}}}"#
    )
}

/// Returns a request of the stateless era with the required headers.
fn post_modern(method: &str) -> Request<'_> {
    post(&modern(method, ""))
        .with("MCP-Protocol-Version", "2026-07-28")
        .with("Mcp-Method", method)
}

/// A parsed response.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let mut headers: HashMap<String, String> = HashMap::new();
        for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
            let all = headers.entry(name.to_ascii_lowercase()).or_default();
            if !all.is_empty() {
                all.push_str(", ");
            }
            all.push_str(value);
        }
        let body = if headers.contains_key("transfer-encoding") {
            unchunk(body)
        } else {
            body.to_owned()
        };
        Self {
            status: status.parse().unwrap(),
            headers,
            body,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns the code of the JSON-RPC error, or 0 if there is no error.
    fn code(&self) -> i64 {
        serde_json::from_str::<serde_json::Value>(&self.body)
            .ok()
            .and_then(|json| json["error"]["code"].as_i64())
            .unwrap_or(0)
    }
}

fn unchunk(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        text.push_str(&rest[..length]);
        body = rest[length..].strip_prefix("\r\n").unwrap();
    }
    text
}
