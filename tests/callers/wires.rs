//! Several callers of one server, over connections with and without HTTP. All messages of the server are validated.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{self, Request};
use http_body_util::{BodyExt as _, Full};
use mcp_runtime::{HttpBody, HttpService, Principal, Revision, RunningServer, Server, Transport};
use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::Service as _;

/// One revision of each era.
pub(crate) const ERAS: [Revision; 2] = [Revision::V2025_11_25, Revision::V2026_07_28];

/// The transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// A connection for each caller, without headers and principals.
    Connection,
    Http,
}

pub(crate) const ALL: [Over; 2] = [Over::Connection, Over::Http];

/// A server that serves any number of callers.
pub(crate) enum Host {
    Connection(RunningServer),
    Http(HttpService),
}

/// The identity of a caller over HTTP.
#[derive(Debug, Clone, Default)]
pub(crate) struct Who {
    pub(crate) principal: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    /// What the client declares; null is nothing.
    pub(crate) capabilities: Value,
}

pub(crate) fn principal(name: &'static str) -> Who {
    Who {
        principal: Some(name),
        ..Who::default()
    }
}

pub(crate) fn header(name: &'static str, value: &'static str) -> Who {
    Who {
        headers: vec![(name, value)],
        ..Who::default()
    }
}

type Messages = Arc<Mutex<Vec<Value>>>;

/// A caller of a server.
pub(crate) struct Caller {
    revision: Revision,
    capabilities: Value,
    next_id: AtomicI64,
    conversation: Conversation,
    /// The messages that answer no request of this caller.
    heard: Messages,
    wire: Wire,
}

enum Wire {
    Connection {
        requests: mpsc::UnboundedSender<Vec<u8>>,
        replies: tokio::sync::Mutex<mpsc::UnboundedReceiver<Value>>,
    },
    Http {
        service: HttpService,
        who: Who,
        session: Mutex<Option<String>>,
    },
}

/// The server's end of a connection.
struct Channels {
    incoming: tokio::sync::Mutex<mpsc::UnboundedReceiver<Vec<u8>>>,
    conversation: Conversation,
    heard: Messages,
    replies: mpsc::UnboundedSender<Value>,
}

impl Transport for Channels {
    async fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.incoming.lock().await.recv().await)
    }

    async fn send(&self, message: String) -> io::Result<()> {
        let message: Value = serde_json::from_str(&message).unwrap();
        self.conversation.received(&message);
        if message.get("method").is_some() {
            self.heard.lock().unwrap().push(message);
        } else {
            let _ = self.replies.send(message);
        }
        Ok(())
    }
}

/// The code and the message of an error.
pub(crate) type Refusal = (i64, String);

impl Host {
    pub(crate) async fn of(server: Server, over: Over) -> Self {
        match over {
            Over::Connection => Self::Connection(server.start().await.unwrap()),
            Over::Http => Self::Http(server.into_service().await.unwrap()),
        }
    }

    /// Connects a caller, with a handshake if its revision has one.
    pub(crate) async fn caller(&self, revision: Revision, who: Who) -> Caller {
        let conversation = Conversation::new(revision.name());
        let heard = Messages::default();
        let capabilities = match &who.capabilities {
            Value::Null => json!({}),
            declared => declared.clone(),
        };
        let wire = match self {
            Self::Connection(running) => {
                assert!(who.principal.is_none() && who.headers.is_empty());
                let (requests, incoming) = mpsc::unbounded_channel();
                let (sender, replies) = mpsc::unbounded_channel();
                let channels = Channels {
                    incoming: incoming.into(),
                    conversation: conversation.clone(),
                    heard: Arc::clone(&heard),
                    replies: sender,
                };
                let running = running.clone();
                tokio::spawn(async move { running.serve(channels).await });
                Wire::Connection {
                    requests,
                    replies: replies.into(),
                }
            }
            Self::Http(service) => Wire::Http {
                service: service.clone(),
                who,
                session: Mutex::default(),
            },
        };
        let caller = Caller {
            revision,
            capabilities,
            next_id: AtomicI64::new(1),
            conversation,
            heard,
            wire,
        };
        caller.shake_hands().await;
        caller
    }
}

impl Caller {
    fn is_modern(&self) -> bool {
        self.revision.name() == MODERN
    }

    async fn shake_hands(&self) {
        if self.is_modern() {
            return;
        }
        let params = json!({
            "protocolVersion": self.revision.name(),
            "capabilities": self.capabilities,
            "clientInfo": { "name": "caller", "version": "1" },
        });
        self.request("initialize", params).await.unwrap();
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        match &self.wire {
            Wire::Connection { requests, .. } => requests.send(initialized.into()).unwrap(),
            Wire::Http { .. } => {
                self.post(initialized.to_owned(), "notifications/initialized", "")
                    .await;
            }
        }
    }

    /// Sends a request and returns its result or its error.
    pub(crate) async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        let id = self.next_id.fetch_add(1, Ordering::SeqCst);
        let message = self.message(id, method, params.clone());
        let name = params.get("name").or_else(|| params.get("uri"));
        let name = name.and_then(Value::as_str).unwrap_or_default();
        let mut reply = match &self.wire {
            Wire::Connection { requests, replies } => {
                self.conversation.sent(message.as_bytes());
                requests.send(message.into_bytes()).unwrap();
                let mut replies = replies.lock().await;
                let reply = tokio::time::timeout(Duration::from_secs(10), replies.recv());
                reply.await.expect("a reply in time").unwrap()
            }
            Wire::Http { .. } => {
                self.conversation.sent(message.as_bytes());
                let body = self.post(message, method, name).await;
                let messages = self.read(body).await;
                messages.into_iter().next_back().expect("a reply")
            }
        };
        assert_eq!(reply["id"], id, "{reply}");
        match reply.get("error") {
            None => Ok(reply["result"].take()),
            Some(error) => {
                let message = error["message"].as_str().unwrap().to_owned();
                Err((error["code"].as_i64().unwrap(), message))
            }
        }
    }

    fn message(&self, id: i64, method: &str, mut params: Value) -> String {
        if self.is_modern() {
            let info = json!({ "name": "caller", "version": "1" });
            for (key, value) in [
                ("protocolVersion", json!(MODERN)),
                ("clientCapabilities", self.capabilities.clone()),
                ("clientInfo", info),
            ] {
                params["_meta"][format!("io.modelcontextprotocol/{key}")] = value;
            }
        }
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
    }

    /// Sends an HTTP request and returns the body of its response.
    async fn post(&self, message: String, method: &str, name: &str) -> HttpBody {
        let mut request = self.http("POST").header("Content-Type", "application/json");
        if self.is_modern() {
            request = request.header("Mcp-Method", method);
            if !name.is_empty() && ["tools/call", "prompts/get", "resources/read"].contains(&method)
            {
                request = request.header("Mcp-Name", name);
            }
        }
        self.send(request.body(Full::from(message)).unwrap()).await
    }

    fn http(&self, method: &str) -> http::request::Builder {
        let Wire::Http { who, session, .. } = &self.wire else {
            panic!("not over HTTP");
        };
        let mut request = Request::builder()
            .method(method)
            .uri("/mcp")
            .header("Host", "localhost")
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", self.revision.name());
        for (name, value) in &who.headers {
            request = request.header(*name, *value);
        }
        if let Some(principal) = who.principal {
            request = request.extension(Principal::new(principal));
        }
        match &*session.lock().unwrap() {
            Some(session) => request.header("Mcp-Session-Id", session),
            None => request,
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> HttpBody {
        let Wire::Http {
            service, session, ..
        } = &self.wire
        else {
            panic!("not over HTTP");
        };
        let response = service.clone().call(request).await.unwrap();
        if let Some(opened) = response.headers().get("Mcp-Session-Id") {
            *session.lock().unwrap() = Some(opened.to_str().unwrap().to_owned());
        }
        response.into_body()
    }

    /// Reads all messages of a body, and records those that answer no request.
    async fn read(&self, body: HttpBody) -> Vec<Value> {
        let bytes = body.collect().await.unwrap().to_bytes();
        let messages = messages(&bytes);
        let mut replies = Vec::new();
        for message in messages {
            self.conversation.received(&message);
            if message.get("method").is_some() {
                self.heard.lock().unwrap().push(message);
            } else {
                replies.push(message);
            }
        }
        replies
    }

    /// Listens for changes: to a subscription with this filter, or on the stream of a session.
    pub(crate) async fn listen(&self, filter: Value) {
        let id = self.next_id.fetch_add(1, Ordering::SeqCst);
        let params = json!({ "notifications": filter });
        let message = self.message(id, "subscriptions/listen", params);
        let body = match &self.wire {
            Wire::Connection { requests, .. } => {
                if self.is_modern() {
                    self.conversation.sent(message.as_bytes());
                    requests.send(message.into_bytes()).unwrap();
                    self.wait_for("notifications/subscriptions/acknowledged")
                        .await;
                }
                return;
            }
            Wire::Http { .. } if self.is_modern() => {
                self.conversation.sent(message.as_bytes());
                self.post(message, "subscriptions/listen", "").await
            }
            Wire::Http { .. } => {
                let request = self.http("GET").body(Full::default()).unwrap();
                self.send(request).await
            }
        };
        let (heard, conversation) = (Arc::clone(&self.heard), self.conversation.clone());
        tokio::spawn(collect(body, heard, conversation));
        if self.is_modern() {
            self.wait_for("notifications/subscriptions/acknowledged")
                .await;
        }
    }

    async fn wait_for(&self, method: &str) {
        let is_there = || {
            self.heard
                .lock()
                .unwrap()
                .iter()
                .any(|one| one["method"] == method)
        };
        for _ in 0..1000 {
            if is_there() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no {method} in time");
    }

    /// Waits for this notification, and returns the changes that were heard since the last call, in short: the kind of a
    /// list or the URI of a resource.
    pub(crate) async fn changes_until(&self, method: &str) -> Vec<String> {
        self.wait_for(method).await;
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        let short = |message: &Value| {
            let method = message["method"].as_str().unwrap();
            match message["params"]["uri"].as_str() {
                Some(uri) => Some(uri.to_owned()),
                None => method
                    .strip_prefix("notifications/")?
                    .strip_suffix("/list_changed")
                    .map(str::to_owned),
            }
        };
        heard.iter().filter_map(short).collect()
    }

    /// Ends the session of this caller by DELETE, or its connection.
    pub(crate) async fn end(self) {
        if let Wire::Http { .. } = &self.wire {
            let request = self.http("DELETE").body(Full::default()).unwrap();
            self.send(request).await;
        }
    }

    /// Returns a caller with the session of this one and another identity.
    pub(crate) fn with(&self, who: Who) -> Self {
        let Wire::Http {
            service, session, ..
        } = &self.wire
        else {
            panic!("not over HTTP");
        };
        Self {
            revision: self.revision,
            capabilities: self.capabilities.clone(),
            next_id: AtomicI64::new(1000),
            conversation: Conversation::new(self.revision.name()),
            heard: Messages::default(),
            wire: Wire::Http {
                service: service.clone(),
                who,
                session: Mutex::new(session.lock().unwrap().clone()),
            },
        }
    }

    /// Calls a tool and returns its text, or the text of its error.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<String, String> {
        let params = json!({ "name": tool, "arguments": arguments });
        let result = self.request("tools/call", params).await;
        let result = result.map_err(|(code, message)| format!("{code}: {message}"))?;
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        if result["isError"] == true {
            return Err(text.to_owned());
        }
        Ok(text.to_owned())
    }
}

/// Returns the messages in a body: JSON, or events.
fn messages(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    if let Ok(message) = serde_json::from_str(text) {
        return vec![message];
    }
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let data = data.map(str::trim).filter(|data| !data.is_empty());
    data.map(|data| serde_json::from_str(data).expect(data))
        .collect()
}

/// Records the messages of an event stream, each of which is one frame.
async fn collect(mut body: HttpBody, heard: Messages, conversation: Conversation) {
    while let Some(Ok(frame)) = body.frame().await {
        for message in messages(frame.data_ref().unwrap()) {
            conversation.received(&message);
            heard.lock().unwrap().push(message);
        }
    }
}
