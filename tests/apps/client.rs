//! A client over byte streams with the framing of stdio, and over HTTP, in both eras. All messages of the server are validated.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Builder;
use axum::http::{HeaderMap, HeaderName, Request, Uri};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mcp_runtime::{Revision, ServeError, Server};
use mcp_tests::conversation::Conversation;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, WriteHalf};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

const MODERN: Revision = Revision::V2026_07_28;

/// A stateless revision, and one with sessions.
pub(crate) const ERAS: [Revision; 2] = [MODERN, Revision::V2025_11_25];

/// The transports of [`Client::of`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Transport {
    Stdio,
    Http,
}

/// All combinations of a transport and an era.
pub(crate) fn combinations() -> impl Iterator<Item = (Transport, Revision)> {
    let transports = [Transport::Stdio, Transport::Http].into_iter();
    transports.flat_map(|transport| ERAS.map(|revision| (transport, revision)))
}

/// A connected client.
pub(crate) struct Client {
    wire: Wire,
    revision: Revision,
    conversation: Conversation,
    messages: mpsc::UnboundedReceiver<Value>,
    /// Messages that were received while the client waited for another.
    earlier: VecDeque<Value>,
    next_id: i64,
}

/// A server that [`serve`] started.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    done: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    /// Stops the server and waits until its lifespans are stopped.
    pub(crate) async fn end(self) -> Result<(), ServeError> {
        let _ = self.stop.send(());
        let done = tokio::time::timeout(Duration::from_secs(10), self.done);
        done.await.expect("the server ends").unwrap()
    }
}

enum Wire {
    Lines(WriteHalf<DuplexStream>),
    Http(Box<Http>),
}

struct Http {
    client: HttpClient<HttpConnector, Body>,
    url: Uri,
    /// The headers of each request, with the session.
    headers: HeaderMap,
    sender: mpsc::UnboundedSender<Value>,
}

/// Serves and connects. `headers` are sent with each HTTP request.
pub(crate) async fn serve(
    server: Server,
    transport: Transport,
    revision: Revision,
    headers: &[(&'static str, &str)],
) -> (Client, Running) {
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    match transport {
        Transport::Stdio => {
            let (near, far) = tokio::io::duplex(1 << 16);
            let (reader, writer) = tokio::io::split(far);
            let serving = server.serve_streams_with_shutdown(reader, writer, shutdown);
            let done = tokio::spawn(serving);
            (
                Client::on_lines(near, revision).await,
                Running { stop, done },
            )
        }
        Transport::Http => {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/mcp", listener.local_addr().unwrap());
            let done = tokio::spawn(server.serve_listener_with_shutdown(listener, shutdown));
            let client = Client::at(&url, revision, headers).await;
            (client, Running { stop, done })
        }
    }
}

impl Client {
    async fn on_lines(stream: DuplexStream, revision: Revision) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (sender, messages) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut lines = BufReader::new(reader).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = sender.send(serde_json::from_str(&line).expect(&line));
            }
        });
        Self::new(Wire::Lines(writer), revision, messages).await
    }

    /// Connects to an application that serves MCP at a URL.
    pub(crate) async fn at(
        url: &str,
        revision: Revision,
        headers: &[(&'static str, &str)],
    ) -> Self {
        let (sender, messages) = mpsc::unbounded_channel();
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let http = Http {
            client: HttpClient::builder(TokioExecutor::new()).build_http(),
            url: url.parse().unwrap(),
            headers: headers.collect(),
            sender,
        };
        Self::new(Wire::Http(Box::new(http)), revision, messages).await
    }

    async fn new(wire: Wire, revision: Revision, messages: mpsc::UnboundedReceiver<Value>) -> Self {
        let mut client = Self {
            wire,
            revision,
            conversation: Conversation::new(revision.name()),
            messages,
            earlier: VecDeque::new(),
            next_id: 0,
        };
        if revision != MODERN {
            let params = json!({
                "protocolVersion": revision.name(),
                "capabilities": {},
                "clientInfo": { "name": "apps", "version": "1" },
            });
            client.request("initialize", params).await;
            client
                .post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
                .await;
        }
        client
    }

    /// Calls a tool and returns its result.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.request("tools/call", params).await["result"].take()
    }

    /// Reads a resource and parses its text as JSON.
    pub(crate) async fn read(&mut self, uri: &str) -> Value {
        let reply = self.request("resources/read", json!({ "uri": uri })).await;
        let text = reply["result"]["contents"][0]["text"].as_str();
        serde_json::from_str(text.unwrap_or_else(|| panic!("{reply}"))).unwrap()
    }

    /// Sends a request and returns the reply.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        self.receive(|message| message["id"] == id && message.get("method").is_none())
            .await
    }

    /// Subscribes to a resource and to changes of the list of resources.
    pub(crate) async fn listen(&mut self, uri: &str) {
        if self.revision != MODERN {
            // A pipe needs no stream.
            if let Wire::Http(http) = &mut self.wire {
                http.open_stream(self.revision).await;
            }
            let reply = self
                .request("resources/subscribe", json!({ "uri": uri }))
                .await;
            assert!(reply.get("result").is_some(), "{reply}");
            return;
        }
        let filter = json!({ "resourcesListChanged": true, "resourceSubscriptions": [uri] });
        self.send("subscriptions/listen", json!({ "notifications": filter }))
            .await;
        self.notification("subscriptions/acknowledged").await;
    }

    /// Returns the parameters of the next notification of a method, such as `progress`.
    pub(crate) async fn notification(&mut self, method: &str) -> Value {
        let method = format!("notifications/{method}");
        self.receive(|message| message["method"] == *method).await["params"].take()
    }

    /// Returns the next message that fits, and keeps the others.
    async fn receive(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(position) = self.earlier.iter().position(&fits) {
            return self.earlier.remove(position).unwrap();
        }
        loop {
            let next = tokio::time::timeout(Duration::from_secs(10), self.messages.recv());
            let message = next.await.expect("a message in time").expect("a message");
            self.conversation.received(&message);
            if fits(&message) {
                return message;
            }
            self.earlier.push_back(message);
        }
    }

    /// Sends a request and returns its id.
    async fn send(&mut self, method: &str, mut params: Value) -> i64 {
        self.next_id += 1;
        // A token asks for progress.
        params["_meta"]["progressToken"] = self.next_id.into();
        if self.revision == MODERN {
            let meta = &mut params["_meta"];
            meta["io.modelcontextprotocol/protocolVersion"] = MODERN.name().into();
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        let id = self.next_id;
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.post(&message).await;
        id
    }

    async fn post(&mut self, message: &Value) {
        let text = message.to_string();
        self.conversation.sent(text.as_bytes());
        match &mut self.wire {
            Wire::Lines(writer) => writer.write_all((text + "\n").as_bytes()).await.unwrap(),
            Wire::Http(http) => http.post(message, self.revision).await,
        }
    }
}

impl Http {
    async fn post(&mut self, message: &Value, revision: Revision) {
        let params = &message["params"];
        let name = params["name"].as_str().or(params["uri"].as_str());
        let mut request = Request::post(&self.url).header(CONTENT_TYPE, "application/json");
        if revision == MODERN {
            request = request.header("mcp-method", message["method"].as_str().unwrap());
            if let Some(name) = name {
                request = request.header("mcp-name", name);
            }
        }
        self.send(request, revision, message.to_string()).await;
    }

    /// Opens the stream on which a server sends the notifications of a session.
    async fn open_stream(&mut self, revision: Revision) {
        let request = Request::get(&self.url);
        self.send(request, revision, String::new()).await;
    }

    /// Sends a request. A task receives the messages of the response.
    async fn send(&mut self, request: Builder, revision: Revision, body: String) {
        let mut request = request
            .header(ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", revision.name())
            .body(Body::from(body))
            .unwrap();
        request.headers_mut().extend(self.headers.clone());
        let response = self.client.request(request).await.unwrap();
        let headers = response.headers();
        if let Some(session) = headers.get("mcp-session-id") {
            self.headers.insert("mcp-session-id", session.clone());
        }
        let kind = headers.get(CONTENT_TYPE);
        let is_stream = kind.is_some_and(|kind| kind == "text/event-stream");
        let sender = self.sender.clone();
        tokio::spawn(receive(Body::new(response.into_body()), is_stream, sender));
    }
}

/// Receives the messages of a body, which is JSON or a stream of events.
async fn receive(mut body: Body, is_stream: bool, sender: mpsc::UnboundedSender<Value>) {
    let send = |text: &str| {
        let _ = sender.send(serde_json::from_str(text).expect(text));
    };
    let mut received = String::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { break };
        received += std::str::from_utf8(&data).unwrap();
        while let Some((line, rest)) = received.split_once('\n').filter(|_| is_stream) {
            let data = line.strip_prefix("data: ").filter(|data| !data.is_empty());
            data.into_iter().for_each(send);
            received = rest.to_owned();
        }
    }
    if !is_stream && !received.is_empty() {
        send(&received);
    }
}
