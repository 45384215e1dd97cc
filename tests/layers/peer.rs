//! A client of either era over each transport, which validates all messages of the server.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use mcp_runtime::{HttpService, Principal, Revision, Server};
use mcp_tests::client::{Client, Connect as _};
use mcp_tests::conversation::Conversation;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines};
use tokio::io::{ReadHalf, WriteHalf, duplex, split};
use tokio::sync::Mutex;
use tower_service::Service as _;

/// The eras, as the revisions that represent them.
pub(crate) const ERAS: [Revision; 2] = [Revision::V2025_11_25, Revision::V2026_07_28];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Memory,
    Streams,
    Http,
}

pub(crate) const TRANSPORTS: [Transport; 3] =
    [Transport::Memory, Transport::Streams, Transport::Http];

/// A connected client.
pub(crate) struct Peer {
    pub(crate) era: Revision,
    link: Link,
    conversation: Conversation,
    next: AtomicU64,
}

enum Link {
    Memory(Box<Client>),
    Streams(Box<Mutex<Streams>>),
    Http(Box<Http>),
}

struct Streams {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
}

struct Http {
    service: HttpService,
    session: Option<String>,
    principal: Option<&'static str>,
}

/// A value that an outer layer inserts into HTTP requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tenant(pub(crate) &'static str);

/// The reply to a request, and the notifications before it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Value,
    pub(crate) notifications: Vec<Value>,
}

impl Peer {
    pub(crate) async fn connect(server: Server, transport: Transport, era: Revision) -> Self {
        match transport {
            Transport::Memory => {
                let client = server.connect().revision(era).await;
                Self::new(era, Link::Memory(Box::new(client)))
            }
            Transport::Streams => {
                let (ours, theirs) = duplex(1 << 20);
                let (reader, writer) = split(theirs);
                tokio::spawn(server.serve_streams(reader, writer));
                let (reader, writer) = split(ours);
                let lines = BufReader::new(reader).lines();
                let streams = Streams { lines, writer };
                let peer = Self::new(era, Link::Streams(Box::new(Mutex::new(streams))));
                peer.greet().await
            }
            Transport::Http => {
                let service = server.into_service().await.unwrap();
                Self::over(&service, era, None).await
            }
        }
    }

    /// Connects over HTTP as a principal.
    pub(crate) async fn over(
        service: &HttpService,
        era: Revision,
        principal: Option<&'static str>,
    ) -> Self {
        let http = Http {
            service: service.clone(),
            session: None,
            principal,
        };
        Self::new(era, Link::Http(Box::new(http))).greet().await
    }

    fn new(era: Revision, link: Link) -> Self {
        Self {
            era,
            link,
            conversation: Conversation::new(era.name()),
            next: AtomicU64::new(100),
        }
    }

    fn is_modern(&self) -> bool {
        self.era == Revision::V2026_07_28
    }

    async fn greet(mut self) -> Self {
        if self.is_modern() {
            return self;
        }
        let params = json!({
            "protocolVersion": self.era.name(),
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": "test", "version": "1" },
        });
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let session = if let Link::Http(http) = &self.link {
            http.post(&self.conversation, &message, true).await.1
        } else {
            self.exchange(&message).await;
            None
        };
        if let Link::Http(http) = &mut self.link {
            http.session = session;
        }
        self
    }

    /// Sends a request and returns its reply.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        self.request(method, params).await.reply
    }

    /// Calls a tool and returns the reply.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.ask("tools/call", params).await
    }

    /// Sends a request and returns its reply and its notifications.
    pub(crate) async fn request(&self, method: &str, mut params: Value) -> Answer {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        if self.is_modern() {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = self.era.name().into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
                json!({ "elicitation": { "form": {} } });
        }
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.exchange(&message).await
    }

    fn exchange<'a>(&'a self, message: &'a Value) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match &self.link {
                Link::Memory(client) => {
                    let reply = client.send(&message.to_string()).await.unwrap().unwrap();
                    let notifications = client.take_notifications();
                    Answer {
                        reply,
                        notifications,
                    }
                }
                Link::Streams(streams) => {
                    let mut streams = streams.lock().await;
                    streams.exchange(&self.conversation, message).await
                }
                Link::Http(http) => {
                    let modern = self.is_modern();
                    http.post(&self.conversation, message, !modern).await.0
                }
            }
        })
    }
}

impl Streams {
    async fn exchange(&mut self, conversation: &Conversation, message: &Value) -> Answer {
        let line = format!("{message}\n");
        conversation.wrote(line.as_bytes());
        self.writer.write_all(line.as_bytes()).await.unwrap();
        let mut notifications = Vec::new();
        loop {
            let line = self.lines.next_line().await.unwrap().expect("a message");
            let received: Value = serde_json::from_str(&line).unwrap();
            conversation.received(&received);
            if received["id"] == message["id"] {
                return Answer {
                    reply: received,
                    notifications,
                };
            }
            notifications.push(received);
        }
    }
}

impl Http {
    async fn post(
        &self,
        conversation: &Conversation,
        message: &Value,
        is_legacy: bool,
    ) -> (Answer, Option<String>) {
        conversation.sent(message.to_string().as_bytes());
        let mut request = http::Request::post("http://localhost/")
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .extension(Tenant("acme"));
        if !is_legacy {
            let params = &message["params"];
            let name = params["name"].as_str().or_else(|| params["uri"].as_str());
            request = request
                .header("MCP-Protocol-Version", "2026-07-28")
                .header("Mcp-Method", message["method"].as_str().unwrap());
            if let Some(name) = name {
                request = request.header("Mcp-Name", name);
            }
        }
        if let Some(session) = &self.session {
            request = request.header("Mcp-Session-Id", session);
        }
        if let Some(principal) = self.principal {
            request = request.extension(Principal::new(principal));
        }
        let request = request.body(message.to_string()).unwrap();
        let response = self.service.clone().call(request).await.unwrap();
        let (head, body) = response.into_parts();
        let session = head.headers.get("mcp-session-id");
        let session = session.map(|session| session.to_str().unwrap().to_owned());
        let body = body.collect().await.unwrap().to_bytes();
        let body = std::str::from_utf8(&body).unwrap();
        (answer(conversation, &message["id"], body), session)
    }
}

/// Reads the body of a response: JSON or events.
fn answer(conversation: &Conversation, id: &Value, body: &str) -> Answer {
    let events = body.lines().filter_map(|line| line.strip_prefix("data:"));
    let events: Vec<&str> = events.map(str::trim).filter(|it| !it.is_empty()).collect();
    let texts = if body.starts_with('{') {
        vec![body]
    } else {
        events
    };
    let mut reply = Value::Null;
    let mut notifications = Vec::new();
    for text in texts {
        let received: Value = serde_json::from_str(text).unwrap();
        conversation.received(&received);
        if received["id"] == *id {
            reply = received;
        } else {
            notifications.push(received);
        }
    }
    Answer {
        reply,
        notifications,
    }
}
