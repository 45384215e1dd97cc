//! The same messages over memory, stdio and HTTP.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use mcp_runtime::{Revision, forward_logs};
use mcp_tests::client::{Client, Connect as _};
use mcp_tests::conversation::Conversation;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;

use super::http;

pub(crate) use mcp_tests::schemas::MODERN;

/// The messages that answer a request.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) reply: Option<Value>,
    pub(crate) notifications: Vec<Value>,
    /// The HTTP status; `None` for other transports.
    pub(crate) status: Option<u16>,
}

/// The transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Memory,
    Stdio,
    Http,
}

/// A client of the fixture in one revision.
pub(crate) struct Connection {
    wire: Wire,
    revision: String,
}

enum Wire {
    Memory(tokio::runtime::Runtime, Box<Client>),
    Stdio(StdioServer),
    Http {
        server: HttpServer,
        session: Option<String>,
    },
}

/// The fixture as a child process on stdio.
pub(crate) struct StdioServer {
    pub(crate) child: Child,
    pub(crate) input: Option<ChildStdin>,
    pub(crate) output: BufReader<ChildStdout>,
    pub(crate) conversation: Conversation,
}

impl Drop for StdioServer {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The fixture as a child process on HTTP.
pub(crate) struct HttpServer {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The revision of messages before a handshake that name none.
const UNNAMED: &str = "2025-11-25";

const SERVER: &str = env!("CARGO_BIN_EXE_wire-server");

/// Starts the fixture on stdio.
pub(crate) fn spawn_stdio() -> StdioServer {
    spawn_stdio_with(Stdio::null())
}

/// Starts the fixture on stdio with this stderr.
pub(crate) fn spawn_stdio_with(stderr: Stdio) -> StdioServer {
    let mut child = Command::new(SERVER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let input = child.stdin.take();
    let output = BufReader::new(child.stdout.take().unwrap());
    StdioServer {
        child,
        input,
        output,
        conversation: Conversation::new(UNNAMED),
    }
}

impl StdioServer {
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.conversation.wrote(bytes);
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The next line as JSON, which must be valid; `None` at the end.
    pub(crate) fn read(&mut self) -> Option<Value> {
        let mut line = String::new();
        if self.output.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let message = serde_json::from_str(&line).expect(&line);
        self.conversation.received(&message);
        Some(message)
    }
}

/// Starts the fixture on HTTP and waits until it is healthy.
pub(crate) fn spawn_http() -> HttpServer {
    // With port 0 the system chooses the port, and the server prints it.
    let mut child = Command::new(SERVER)
        .args(["--http", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    let address = line
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .expect(&line)
        .to_owned();
    // The stderr must be read, or the server would block on it.
    std::thread::spawn(move || errors.lines().for_each(drop));
    HttpServer { child, address }
}

impl Connection {
    /// Connects, with the handshake if the revision has one.
    pub(crate) fn open(transport: Transport, revision: &str) -> Self {
        Self::open_as(transport, revision, "wire", &json!({}))
    }

    /// [`Connection::open`] by a client with this name and these capabilities, which it sends in the handshake.
    pub(crate) fn open_as(
        transport: Transport,
        revision: &str,
        name: &str,
        capabilities: &Value,
    ) -> Self {
        let wire = match transport {
            Transport::Memory => {
                // As in `Server::run`. This fails for all connections but the first.
                let subscriber = tracing_subscriber::registry().with(forward_logs());
                let _ = tracing::subscriber::set_global_default(subscriber);
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                // The newest revision has no handshake, so the test builds the requests itself.
                let client =
                    runtime.block_on(async { mcp_tests::fixture::server().connect().await });
                Wire::Memory(runtime, Box::new(client))
            }
            Transport::Stdio => Wire::Stdio(spawn_stdio()),
            Transport::Http => Wire::Http {
                server: spawn_http(),
                session: None,
            },
        };
        let mut connection = Self {
            wire,
            revision: revision.to_owned(),
        };
        if revision != MODERN {
            connection.shake_hands(name, capabilities);
        }
        connection
    }

    fn shake_hands(&mut self, name: &str, capabilities: &Value) {
        let client = json!({ "name": name, "version": "9" });
        let params = json!({ "protocolVersion": self.revision, "capabilities": capabilities, "clientInfo": client });
        let outcome = self.request("initialize", params);
        let reply = outcome.reply.expect("an answer to the handshake");
        assert_eq!(
            reply["result"]["protocolVersion"],
            self.revision.as_str(),
            "{reply}"
        );
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let outcome = self.send(&initialized);
        assert!(outcome.reply.is_none());
        assert!(outcome.status.is_none_or(|status| status == 202));
    }

    /// Sends a request of this revision with a new id.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Outcome {
        static NEXT: AtomicI64 = AtomicI64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let message = self.message(json!(id), method, params);
        let outcome = self.send(&message);
        if let Some(reply) = &outcome.reply {
            assert_eq!(reply["id"], id, "{reply}");
            assert_eq!(reply["jsonrpc"], "2.0", "{reply}");
        }
        outcome
    }

    /// A request of this revision.
    pub(crate) fn message(&self, id: Value, method: &str, mut params: Value) -> Value {
        if self.revision == MODERN {
            describe(&mut params);
        }
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }

    /// Sends a batch, and returns its answer, which may be a batch too.
    pub(crate) fn send_batch(&mut self, batch: &Value) -> Option<Value> {
        if let Wire::Stdio(stdio) = &mut self.wire {
            stdio.write(format!("{batch}\n").as_bytes());
            return stdio.read();
        }
        self.send(batch).reply
    }

    /// Sends a message of the stateless era on the connection of a session. Over HTTP it may have the id of the session.
    pub(crate) fn send_beside(&mut self, message: &Value, with_session: bool) -> Outcome {
        match &self.wire {
            Wire::Http { server, session } => {
                let mut session = session.clone().filter(|_| with_session);
                post(&server.address, &mut session, MODERN, message)
            }
            _ => self.send(message),
        }
    }

    /// Sends a message in which the version may be another; over HTTP the header has the same version.
    pub(crate) fn send_of(&mut self, version: Option<&str>, message: &Value) -> Outcome {
        match &self.wire {
            Wire::Http { server, .. } => {
                let mut headers = headers(MODERN, None, message);
                if let Some(version) = version {
                    headers.retain(|(name, _)| name != "MCP-Protocol-Version");
                    headers.push(("MCP-Protocol-Version".to_owned(), version.to_owned()));
                }
                post_with(&server.address, &headers, message).0
            }
            _ => self.send(message),
        }
    }

    /// Sends a message as it is.
    pub(crate) fn send(&mut self, message: &Value) -> Outcome {
        let is_request = message.get("id").is_some() && message.get("method").is_some();
        match &mut self.wire {
            Wire::Memory(runtime, client) => {
                let reply = runtime.block_on(client.send(&message.to_string())).unwrap();
                // Messages that a handler sends after its end would arrive now.
                let notifications = client.take_notifications();
                Outcome {
                    reply,
                    notifications,
                    status: None,
                }
            }
            Wire::Stdio(stdio) => {
                stdio.write(format!("{message}\n").as_bytes());
                let mut outcome = Outcome::default();
                while is_request && outcome.reply.is_none() {
                    let message = stdio.read().expect("an answer");
                    if message.get("method").is_some() {
                        outcome.notifications.push(message);
                    } else {
                        outcome.reply = Some(message);
                    }
                }
                outcome
            }
            Wire::Http { server, session } => {
                post(&server.address, session, &self.revision, message)
            }
        }
    }
}

/// Adds the data about the client that a stateless request needs.
pub(crate) fn describe(params: &mut Value) {
    let meta = params
        .as_object_mut()
        .unwrap()
        .entry("_meta")
        .or_insert_with(|| json!({}));
    meta["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "wire", "version": "9" });
}

/// The headers that a message of a revision must have.
pub(crate) fn headers(
    revision: &str,
    session: Option<&str>,
    message: &Value,
) -> Vec<(String, String)> {
    let mut headers = vec![
        ("Content-Type".to_owned(), "application/json".to_owned()),
        (
            "Accept".to_owned(),
            "application/json, text/event-stream".to_owned(),
        ),
    ];
    let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    if revision >= "2025-06-18" && (revision == MODERN || session.is_some()) {
        add("MCP-Protocol-Version", revision);
    }
    if let Some(session) = session {
        add("Mcp-Session-Id", session);
    }
    if revision == MODERN {
        add("Mcp-Method", message["method"].as_str().unwrap_or_default());
        let params = &message["params"];
        let names = ["name", "uri", "taskId"];
        if let Some(name) = names.iter().find_map(|it| params[it].as_str()) {
            let plain = name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
            assert!(plain, "names of the table must be ASCII");
            add("Mcp-Name", name);
        }
    }
    headers
}

fn post(address: &str, session: &mut Option<String>, revision: &str, message: &Value) -> Outcome {
    let headers = headers(revision, session.as_deref(), message);
    let (outcome, opened) = post_with(address, &headers, message);
    if opened.is_some() {
        *session = opened;
    }
    outcome
}

/// Posts a message; returns the outcome and the id of a new session.
fn post_with(
    address: &str,
    headers: &[(String, String)],
    message: &Value,
) -> (Outcome, Option<String>) {
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let body = message.to_string();
    let answer = http::request(address, "POST", "/mcp", &headers, body.as_bytes());
    let opened = answer.header("mcp-session-id").map(str::to_owned);
    ((&answer).into(), opened)
}

/// Waits for the end of a child process, at most this long.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Option<std::process::ExitStatus> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}

/// Every revision, oldest first.
pub(crate) fn revisions() -> impl Iterator<Item = &'static str> {
    Revision::ALL.iter().map(|revision| revision.name())
}
