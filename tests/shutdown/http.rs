//! HTTP: the built-in listener, a Unix socket, and a server that is mounted into axum.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::stopping::{Probe, server};
use mcp_runtime::{Limits, ServerHandle};
use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{LEGACY, TOLERANCE, call, grace, initialize, listen, message, outcome, reaches, stops};

/// The ways to serve HTTP.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Listener,
    #[cfg(unix)]
    Unix,
    Axum,
}

const WAYS: &[Way] = &[
    Way::Listener,
    #[cfg(unix)]
    Way::Unix,
    Way::Axum,
];

#[derive(Debug, Clone)]
pub(super) enum Address {
    Tcp(std::net::SocketAddr),
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

impl Address {
    async fn connect(&self) -> std::io::Result<Box<dyn Socket>> {
        Ok(match self {
            Self::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            #[cfg(unix)]
            Self::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
        })
    }

    /// Sends a message, or opens the stream of a session, and reads the header of the response.
    pub(super) async fn open(&self, session: Option<&str>, message: Option<&Value>) -> Response {
        let mut socket = self.connect().await.unwrap();
        let body = message.map(Value::to_string).unwrap_or_default();
        let mut head = match message {
            Some(_) => "POST /mcp HTTP/1.1\r\n".to_owned(),
            None => "GET /mcp HTTP/1.1\r\n".to_owned(),
        };
        head += "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
        head += "Accept: application/json, text/event-stream\r\n";
        if let Some(session) = session {
            write!(head, "Mcp-Session-Id: {session}\r\n").unwrap();
        }
        if let Some(message) = message
            && message["params"]["_meta"].is_object()
        {
            let method = message["method"].as_str().unwrap();
            write!(
                head,
                "MCP-Protocol-Version: {MODERN}\r\nMcp-Method: {method}\r\n"
            )
            .unwrap();
            if let Some(name) = message["params"]["name"].as_str() {
                write!(head, "Mcp-Name: {name}\r\n").unwrap();
            }
        }
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        socket.write_all(request.as_bytes()).await.unwrap();
        let conversation = Conversation::new(LEGACY);
        conversation.sent(body.as_bytes());
        let mut response = Response {
            conversation,
            reader: BufReader::new(socket),
            status: 0,
            head: String::new(),
        };
        response.read_head().await;
        response
    }

    /// Opens a session. Returns its id.
    pub(super) async fn initialize(&self) -> String {
        let mut opened = self.open(None, Some(&initialize(1))).await;
        let id = opened.header("mcp-session-id").unwrap();
        opened.messages().await;
        id
    }
}

pub(super) struct Response {
    conversation: Conversation,
    reader: BufReader<Box<dyn Socket>>,
    pub(super) status: u16,
    head: String,
}

impl Response {
    async fn read_head(&mut self) {
        while !self.head.ends_with("\r\n\r\n") {
            let read = self.reader.read_line(&mut self.head).await.unwrap();
            assert!(read > 0, "the response ended after {:?}", self.head);
        }
        self.status = self.head[9..12].parse().unwrap();
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        let mut lines = self.head.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        Some(line.to_owned())
    }

    /// Returns the next message of the body, which is JSON or events; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).await.unwrap() == 0 {
                return None;
            }
            let text = line.strip_prefix("data: ").unwrap_or(&line);
            if text.starts_with('{') {
                let message = serde_json::from_str(text).unwrap();
                self.conversation.received(&message);
                return Some(message);
            }
        }
    }

    pub(super) async fn messages(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Some(message) = self.next().await {
            messages.push(message);
        }
        messages
    }
}

struct Served {
    address: Address,
    handle: ServerHandle,
    stop: Arc<Notify>,
    serving: JoinHandle<()>,
}

async fn serve(way: Way, probe: &Arc<Probe>, limits: Limits) -> Served {
    let server = server(probe).limits(limits);
    let handle = server.handle();
    let stop = Arc::<Notify>::default();
    let told = Arc::clone(&stop);
    let shutdown = async move { told.notified().await };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    let (address, serving) = match way {
        Way::Listener => {
            let serving = server.serve_listener_with_shutdown(listener, shutdown);
            (address, tokio::spawn(async { serving.await.unwrap() }))
        }
        #[cfg(unix)]
        Way::Unix => {
            let path = super::unix_socket::unused_path();
            let serving = server.serve_unix_with_shutdown(path.clone(), shutdown);
            let serving = tokio::spawn(async { serving.await.unwrap() });
            while !path.exists() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            (Address::Unix(path), serving)
        }
        Way::Axum => {
            let service = server.into_service().await.unwrap();
            let router = axum::Router::new().route_service("/mcp", service);
            let stopping = handle.clone();
            let stopped = async move {
                shutdown.await;
                stopping.stop().await;
            };
            let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
            (address, tokio::spawn(async { serving.await.unwrap() }))
        }
    };
    Served {
        address,
        handle,
        stop,
        serving,
    }
}

impl Served {
    /// Returns the session of a legacy revision.
    async fn session(&self, revision: &str) -> Option<String> {
        match revision {
            MODERN => None,
            _ => Some(self.address.initialize().await),
        }
    }

    /// Opens a subscription, or the stream of a session.
    async fn stream(&self, session: Option<&str>) -> Response {
        let message = session.is_none().then(|| listen(1));
        let stream = self.address.open(session, message.as_ref()).await;
        assert_eq!(stream.status, 200);
        stream
    }

    /// Starts a call. Its response starts when the call is done or cancelled.
    fn call(
        &self,
        session: Option<&str>,
        tool: &str,
        milliseconds: u64,
    ) -> JoinHandle<(u16, Vec<Value>)> {
        let revision = session.map_or(MODERN, |_| LEGACY);
        let message = call(revision, 2, tool, milliseconds);
        let (address, session) = (self.address.clone(), session.map(str::to_owned));
        tokio::spawn(async move {
            let mut response = address.open(session.as_deref(), Some(&message)).await;
            (response.status, response.messages().await)
        })
    }
}

#[tokio::test]
async fn calls_finish_streams_end_and_then_the_lifespan_stops() {
    for &way in WAYS {
        for revision in [MODERN, LEGACY] {
            let place = format!("{way:?}, {revision}");
            let probe = Arc::new(Probe::default());
            let served = serve(way, &probe, grace(5000)).await;
            let session = served.session(revision).await;
            let session = session.as_deref();
            let mut stream = served.stream(session).await;
            let called = served.call(session, "wait", 400);
            reaches(&probe.running, 1).await;

            assert!(served.handle.is_ready(), "{place}");
            let begin = Instant::now();
            served.stop.notify_one();
            let last = stream.messages().await;
            assert!(!served.handle.is_ready(), "{place}");
            assert!(begin.elapsed() < Duration::from_millis(300), "{place}");
            let is_result = last.last().is_some_and(|message| message["id"] == 1);
            assert_eq!(is_result, revision == MODERN, "{place}: {last:?}");
            // New requests and streams are refused while the call runs.
            let refused = call(revision, 3, "wait", 0);
            let mut refused = served.address.open(session, Some(&refused)).await;
            assert_eq!(refused.status, 503, "{place}");
            assert_eq!(refused.header("retry-after").as_deref(), Some("1"));
            assert_eq!(outcome(&refused.messages().await[0]), "-32603");
            if session.is_some() {
                assert_eq!(served.address.open(session, None).await.status, 503);
            }
            assert_eq!(stops(&probe), (0, 0), "{place}: the call still runs");

            let (status, messages) = called.await.unwrap();
            assert_eq!((status, outcome(&messages[0]).as_str()), (200, "waited"));
            served.serving.await.unwrap();
            assert!(begin.elapsed() < Duration::from_millis(1500), "{place}");
            assert_eq!(stops(&probe), (1, 0), "{place}");
        }
    }
}

/// The call of a session continues without its client, and the state exists until the call is done.
#[tokio::test]
async fn a_call_whose_client_left_keeps_the_state() {
    for &way in WAYS {
        let probe = Arc::new(Probe::default());
        let served = serve(way, &probe, grace(5000)).await;
        let session = served.session(LEGACY).await;
        let called = served.call(session.as_deref(), "wait", 300);
        reaches(&probe.running, 1).await;
        called.abort();
        assert!(called.await.is_err());
        served.stop.notify_one();
        served.serving.await.unwrap();
        assert_eq!(stops(&probe), (1, 0), "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_exceed_the_grace_period_end_with_an_error_or_are_left_behind() {
    for &way in WAYS {
        for revision in [MODERN, LEGACY] {
            for (tool, left_behind) in [("wait", 0), ("sleep", 1), ("block", 1)] {
                let place = format!("{way:?}, {revision}, {tool}");
                let probe = Arc::new(Probe::default());
                let served = serve(way, &probe, grace(200)).await;
                let session = served.session(revision).await;
                let called = served.call(session.as_deref(), tool, 1500);
                // A blocked thread may delay the timers of its runtime.
                while probe.running.load(Ordering::SeqCst) == 0 {
                    tokio::task::yield_now().await;
                }
                let begin = Instant::now();
                served.stop.notify_one();
                served.handle.stop().await;
                let elapsed = begin.elapsed();
                assert!(
                    elapsed >= Duration::from_millis(190),
                    "{place}: {elapsed:?}"
                );
                assert!(elapsed < TOLERANCE, "{place}: {elapsed:?}");
                assert_eq!(stops(&probe), (1, left_behind), "{place}");
                if tool == "block" {
                    // Its connection is blocked, too, and axum waits for it.
                    called.abort();
                } else {
                    let (status, messages) = called.await.unwrap();
                    assert_eq!((status, outcome(&messages[0]).as_str()), (503, "-32603"));
                }
                if way != Way::Axum {
                    served.serving.await.unwrap();
                    assert!(begin.elapsed() < TOLERANCE, "{place}");
                }
                reaches(&probe.running, 0).await;
            }
        }
    }
}

/// A handler may stop its own server: the shutdown continues after the handler was cancelled.
#[tokio::test]
async fn a_handler_stops_its_own_server() {
    use mcp_runtime::prelude::*;

    #[tool]
    async fn stop(handle: State<ServerHandle>) {
        handle.stop().await;
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    let stops = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&stops);
    let server = Server::new("own", "1")
        .with(components![stop])
        .limits(grace(100));
    let handle = server.handle();
    let server = server.state(handle).lifespan(
        || async { Ok::<_, std::io::Error>(0_u8) },
        move |_| async move {
            counter.fetch_add(1, Ordering::SeqCst);
        },
    );
    let serving =
        tokio::spawn(server.serve_listener_with_shutdown(listener, std::future::pending()));
    let params = json!({ "name": "stop", "arguments": {} });
    let called = message(MODERN, 2, "tools/call", params);
    let response = address.open(None, Some(&called)).await;
    assert_eq!(response.status, 503);
    drop(response);
    serving.await.unwrap().unwrap();
    assert_eq!(stops.load(Ordering::SeqCst), 1);
}
