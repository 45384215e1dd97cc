//! The transports, with messages as text. All messages of the server are validated.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mcp_runtime::Revision;
use mcp_tests::client::{Client, Connect as _};
use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::{Map, Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf,
};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::capture::{Captured, REQUEST};
use super::observed;

/// The maximum time to wait for an event.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The time until a request is surely running, or until a further event would surely have arrived.
const SETTLED: Duration = Duration::from_millis(100);

/// The names of the transports, as logs have them.
pub(crate) const TRANSPORTS: [&str; 4] = ["memory", "custom", "http", "stdio"];

/// A connection to the observed server, with the events of its requests.
pub(crate) struct Wire {
    kind: Kind,
    events: Events,
    pub(crate) conversation: Conversation,
    /// The session id of HTTP.
    pub(crate) session: Option<String>,
}

enum Kind {
    Memory(Box<Client>),
    Custom {
        reader: tokio::io::BufReader<ReadHalf<DuplexStream>>,
        writer: WriteHalf<DuplexStream>,
        serving: JoinHandle<()>,
    },
    Http {
        address: String,
        serving: JoinHandle<()>,
    },
    Stdio {
        child: Child,
        input: ChildStdin,
        output: BufReader<ChildStdout>,
    },
}

enum Events {
    /// The events of this process.
    Captured(Captured),
    /// The lines of a log.
    Lines(mpsc::Receiver<String>),
}

impl Wire {
    /// Connects without a handshake. The events of this process are captured in `captured`.
    pub(crate) async fn new(transport: &str, revision: &'static str, captured: &Captured) -> Self {
        let conversation = Conversation::new(revision);
        let events = Events::Captured(captured.clone());
        let (kind, events) = match transport {
            "memory" => {
                let client = observed::server().connect();
                // The newest revision has no handshake, so the test sends its own.
                let client = client.revision(Revision::LATEST).await;
                (Kind::Memory(Box::new(client)), events)
            }
            "custom" => (custom(), events),
            "http" => (http().await, events),
            _ => stdio(),
        };
        Self {
            kind,
            events,
            conversation,
            session: None,
        }
    }

    /// Sends a request and returns the text of its reply, if the transport shows it.
    pub(crate) async fn request(&mut self, message: &Value) -> Option<String> {
        let text = message.to_string();
        if !matches!(self.kind, Kind::Memory(_)) {
            self.conversation.sent(text.as_bytes());
        }
        let reply = match &mut self.kind {
            Kind::Memory(client) => {
                client.send(&text).await.unwrap().unwrap();
                return None;
            }
            Kind::Custom { reader, writer, .. } => {
                writer
                    .write_all(format!("{text}\n").as_bytes())
                    .await
                    .unwrap();
                let mut line = String::new();
                while !is_reply(&line) {
                    line.clear();
                    reader.read_line(&mut line).await.unwrap();
                }
                line
            }
            Kind::Stdio { input, output, .. } => {
                writeln!(input, "{text}").unwrap();
                let mut line = String::new();
                while !is_reply(&line) {
                    line.clear();
                    output.read_line(&mut line).unwrap();
                }
                line
            }
            Kind::Http { address, .. } => {
                let (session, reply) = post(address, self.session.as_deref(), message).await;
                self.session = session.or(self.session.take());
                reply
            }
        };
        let reply = reply.trim_end().to_owned();
        self.conversation
            .received(&serde_json::from_str(&reply).expect(&reply));
        Some(reply)
    }

    /// Sends a request and cancels it while it waits.
    pub(crate) async fn cancel(&mut self, message: &Value) {
        let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": { "requestId": message["id"] } });
        let lines = format!("{message}\n{cancelled}\n");
        match &mut self.kind {
            Kind::Memory(client) => {
                let send = client.send(lines.lines().next().unwrap());
                assert!(tokio::time::timeout(SETTLED, send).await.is_err());
                client.take_notifications();
            }
            Kind::Custom { writer, reader, .. } => {
                writer.write_all(lines.as_bytes()).await.unwrap();
                if message["method"] == "subscriptions/listen" {
                    let mut acknowledged = String::new();
                    reader.read_line(&mut acknowledged).await.unwrap();
                }
            }
            Kind::Stdio { input, output, .. } => {
                input.write_all(lines.as_bytes()).unwrap();
                if message["method"] == "subscriptions/listen" {
                    let mut acknowledged = String::new();
                    output.read_line(&mut acknowledged).unwrap();
                }
            }
            Kind::Http { address, .. } => {
                let session = self.session.clone();
                let mut stream = TcpStream::connect(&*address).await.unwrap();
                let request = http_text(address, session.as_deref(), message);
                stream.write_all(request.as_bytes()).await.unwrap();
                tokio::time::sleep(SETTLED).await;
                if session.is_some() {
                    // A session survives the disconnect of its client.
                    post(address, session.as_deref(), &cancelled).await;
                }
            }
        }
    }

    /// Waits for the next event.
    pub(crate) async fn event(&mut self) -> Map<String, Value> {
        let begin = Instant::now();
        loop {
            let mut events = self.take_events().into_iter();
            if let Some(event) = events.next() {
                assert_eq!(events.next(), None, "one event for {event:?}");
                return event;
            }
            assert!(begin.elapsed() < TIMEOUT, "no event");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns the events that nobody took, when no more can arrive.
    pub(crate) async fn rest(&mut self) -> Vec<Map<String, Value>> {
        tokio::time::sleep(SETTLED).await;
        self.take_events()
    }

    fn take_events(&mut self) -> Vec<Map<String, Value>> {
        match &self.events {
            Events::Captured(captured) => captured.take(),
            Events::Lines(lines) => {
                let events = lines.try_iter().map(|line| {
                    let event: Value = serde_json::from_str(&line).expect(&line);
                    (event["target"] == REQUEST)
                        .then(|| event["fields"].as_object().unwrap().clone())
                });
                events.flatten().collect()
            }
        }
    }
}

impl Drop for Kind {
    fn drop(&mut self) {
        match self {
            Self::Stdio { child, .. } => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Self::Custom { serving, .. } | Self::Http { serving, .. } => serving.abort(),
            Self::Memory(_) => {}
        }
    }
}

/// Returns `true` if a line is a reply, and not a notification.
fn is_reply(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|message| message.get("id").is_some())
}

fn custom() -> Kind {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (reader, writer) = tokio::io::split(theirs);
    let serving = tokio::spawn(async move {
        let served = observed::server().serve_streams(reader, writer).await;
        served.unwrap();
    });
    let (reader, writer) = tokio::io::split(ours);
    Kind::Custom {
        reader: tokio::io::BufReader::new(reader),
        writer,
        serving,
    }
}

async fn http() -> Kind {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        observed::server().serve_listener(listener).await.unwrap();
    });
    Kind::Http { address, serving }
}

fn stdio() -> (Kind, Events) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_observed-server"))
        .args(["--log", "info", "--log-format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = mpsc::channel();
    let log = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        log.lines()
            .map_while(Result::ok)
            .try_for_each(|line| sender.send(line))
    });
    let kind = Kind::Stdio {
        input: child.stdin.take().unwrap(),
        output: BufReader::new(child.stdout.take().unwrap()),
        child,
    };
    (kind, Events::Lines(lines))
}

/// Returns a POST request with the headers of the message's era.
fn http_text(address: &str, session: Option<&str>, message: &Value) -> String {
    let body = message.to_string();
    let mut headers = vec![
        ("Host", address),
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("Authorization", observed::TRAP),
    ];
    let params = &message["params"];
    let version = &params["_meta"]["io.modelcontextprotocol/protocolVersion"];
    let name = params["name"].as_str().or(params["uri"].as_str());
    if version == MODERN {
        headers.push(("MCP-Protocol-Version", MODERN));
        headers.push(("Mcp-Method", message["method"].as_str().unwrap()));
        headers.extend(name.map(|name| ("Mcp-Name", name)));
    }
    headers.extend(session.map(|id| ("Mcp-Session-Id", id)));
    let length = body.len().to_string();
    headers.push(("Content-Length", &length));
    let head = headers.iter().fold(String::new(), |head, (name, value)| {
        head + name + ": " + value + "\r\n"
    });
    format!("POST /mcp HTTP/1.1\r\n{head}\r\n{body}")
}

/// Posts a message, and returns the id of an opened session and the text of the reply.
pub(crate) async fn post(
    address: &str,
    session: Option<&str>,
    message: &Value,
) -> (Option<String>, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = http_text(address, session, message);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let opened = head
        .lines()
        .find_map(|line| line.strip_prefix("mcp-session-id: "));
    let events = body.lines().filter_map(|line| line.strip_prefix("data: "));
    let reply = events.rev().find(|data| data.starts_with('{'));
    let json = body.trim();
    (opened.map(str::to_owned), reply.unwrap_or(json).to_owned())
}
