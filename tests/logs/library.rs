//! A server that is used as a library installs no subscriber: the program can still install its own after a call.
//!
//! A subscriber is for the whole process, so that each transport is served in a process of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_runtime::prelude::*;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    DuplexStream, ReadHalf, WriteHalf, duplex, split,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Notify};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The environment variable with the transport that a process serves.
const TRANSPORT: &str = "LIBRARY_TRANSPORT";

const TRANSPORTS: &[&str] = &[
    "stdio",
    "streams",
    "custom",
    "listener",
    #[cfg(unix)]
    "unix",
    "mounted",
    "memory",
];

/// The number of events that the trap has received.
static EVENTS: AtomicUsize = AtomicUsize::new(0);

/// The subscriber of the program.
struct Trap;

impl Subscriber for Trap {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        EVENTS.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Log, and say hello.
#[tool]
async fn hello() -> &'static str {
    tracing::error!("an event that nobody receives");
    "Hello!"
}

fn server() -> Server {
    Server::new("library", "1").with(components![hello])
}

fn call() -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/logLevel": "debug",
    });
    let params = json!({ "name": "hello", "arguments": {}, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
}

/// Sends the call over HTTP, and checks that it was served.
async fn post(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let body = call().to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: tools/call\r\nMcp-Name: hello\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("Hello!"), "{answer}");
}

async fn listener() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let serving = server().serve_listener_with_shutdown(listener, async move {
        stopped.notified().await;
    });
    let calling = async {
        post(TcpStream::connect(address).await.unwrap()).await;
        stop.notify_one();
    };
    let (served, ()) = tokio::join!(serving, calling);
    served.unwrap();
}

#[cfg(unix)]
async fn unix() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let serving = server().serve_unix_with_shutdown(path.clone(), async move {
        stopped.notified().await;
    });
    let calling = async {
        post(connect(&path).await).await;
        stop.notify_one();
    };
    let (served, ()) = tokio::join!(serving, calling);
    served.unwrap();
}

/// Connects as soon as the server listens.
#[cfg(unix)]
async fn connect(path: &Path) -> tokio::net::UnixStream {
    let begin = std::time::Instant::now();
    loop {
        match tokio::net::UnixStream::connect(path).await {
            Ok(stream) => return stream,
            Err(error) => assert!(begin.elapsed().as_secs() < 10, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// Sends the call as a line, checks the reply, and ends the input.
async fn exchange(stream: DuplexStream) {
    let (reader, mut writer) = split(stream);
    let line = format!("{}\n", call());
    writer.write_all(line.as_bytes()).await.unwrap();
    let line = BufReader::new(reader).lines().next_line().await.unwrap();
    assert!(line.unwrap().contains("Hello!"));
    writer.shutdown().await.unwrap();
}

async fn streams() {
    let (ours, theirs) = duplex(1 << 16);
    let (reader, writer) = split(theirs);
    let (served, ()) = tokio::join!(server().serve_streams(reader, writer), exchange(ours));
    served.unwrap();
}

/// A transport of the application.
struct Lines {
    reader: Mutex<BufReader<ReadHalf<DuplexStream>>>,
    writer: Mutex<WriteHalf<DuplexStream>>,
}

impl mcp_runtime::Transport for Lines {
    async fn receive(&self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let length = self
            .reader
            .lock()
            .await
            .read_until(b'\n', &mut line)
            .await?;
        Ok((length > 0).then_some(line))
    }

    async fn send(&self, message: String) -> std::io::Result<()> {
        let line = message + "\n";
        self.writer.lock().await.write_all(line.as_bytes()).await
    }
}

async fn custom() {
    let (ours, theirs) = duplex(1 << 16);
    let (reader, writer) = split(theirs);
    let transport = Lines {
        reader: Mutex::new(BufReader::new(reader)),
        writer: Mutex::new(writer),
    };
    let (served, ()) = tokio::join!(server().serve(transport), exchange(ours));
    served.unwrap();
}

async fn memory() {
    let client = server().client().await;
    let reply = client.call("hello", json!({})).await.unwrap();
    assert_eq!(reply.text(), "Hello!");
}

async fn mounted() {
    use tower_service::Service as _;
    let request = http::Request::post("http://localhost/mcp")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", "hello")
        .body(call().to_string())
        .unwrap();
    let mut service = server().into_service().await.unwrap();
    let response = service.call(request).await.unwrap();
    assert_eq!(response.status(), 200);
}

/// Serves a call over a transport, and installs the subscriber of the program.
fn serve(transport: &str) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        match transport {
            "stdio" => server().serve_stdio().await.unwrap(),
            "streams" => streams().await,
            "custom" => custom().await,
            "listener" => listener().await,
            #[cfg(unix)]
            "unix" => unix().await,
            "mounted" => mounted().await,
            _ => memory().await,
        }
    });
    assert!(!tracing::dispatcher::has_been_set());
    tracing::subscriber::set_global_default(Trap).unwrap();
    assert_eq!(EVENTS.load(Ordering::SeqCst), 0);
    runtime.block_on(memory());
    assert!(EVENTS.load(Ordering::SeqCst) > 0, "the handler logs");
}

#[test]
fn a_program_can_install_its_subscriber_after_a_call() {
    if let Ok(transport) = std::env::var(TRANSPORT) {
        return serve(&transport);
    }
    for transport in TRANSPORTS {
        let name = "library::a_program_can_install_its_subscriber_after_a_call";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(TRANSPORT, transport)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The others send the call themselves.
        let mut input = child.stdin.take().unwrap();
        if *transport == "stdio" {
            writeln!(input, "{}", call()).unwrap();
        }
        drop(input);
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{transport}: {stdout}\n{stderr}");
        // While stdio is served, and after it, what the process prints goes to stderr.
        let is_passed = [&stdout, &stderr].map(|text| text.contains("1 passed"));
        assert!(is_passed.contains(&true), "{transport}: {stdout}\n{stderr}");
        assert_eq!(stdout.contains("Hello!"), *transport == "stdio", "{stdout}");
    }
}
