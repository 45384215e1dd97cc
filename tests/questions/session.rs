//! A client of the legacy revisions: it has a session, over streams or HTTP, and is asked while its call waits.

use std::time::Duration;

use mcp_runtime::Server;
use mcp_tests::conversation::Conversation;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream,
    WriteHalf, duplex, split,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::caller::everything;

/// Longer than any step of these tests takes.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) const JUNE: &str = "2025-06-18";
pub(crate) const NOVEMBER: &str = "2025-11-25";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Streams,
    Http,
}

pub(crate) const TRANSPORTS: [Transport; 2] = [Transport::Streams, Transport::Http];

pub(crate) struct Session {
    wire: Wire,
    revision: &'static str,
    conversation: Conversation,
    /// The messages of the server, of all streams.
    received: UnboundedReceiver<Value>,
    /// The running server.
    serving: JoinHandle<()>,
}

enum Wire {
    Streams(WriteHalf<DuplexStream>),
    Http {
        address: String,
        session: Option<String>,
        sender: UnboundedSender<Value>,
        /// The requests whose streams are being read.
        reading: Vec<JoinHandle<()>>,
    },
}

/// The stream of a session that belongs to no call.
pub(crate) struct Listening {
    conversation: Conversation,
    received: UnboundedReceiver<Value>,
}

impl Listening {
    /// The next message, which must be valid.
    pub(crate) async fn next(&mut self) -> Value {
        let message = self.received.recv().await.expect("a stream");
        self.conversation.received(&message);
        message
    }
}

impl Session {
    /// Opens a session of a client with all capabilities.
    pub(crate) async fn open(transport: Transport, revision: &'static str, server: Server) -> Self {
        Self::with(transport, revision, server, everything()).await
    }

    pub(crate) async fn with(
        transport: Transport,
        revision: &'static str,
        server: Server,
        capabilities: Value,
    ) -> Self {
        let mut session = Self::greeted(transport, revision, server, capabilities).await;
        session.initialized("notifications/initialized").await;
        session
    }

    /// A session whose client has not sent `notifications/initialized`.
    pub(crate) async fn greeted(
        transport: Transport,
        revision: &'static str,
        server: Server,
        capabilities: Value,
    ) -> Self {
        let (sender, received) = unbounded_channel();
        let (wire, serving) = match transport {
            Transport::Streams => {
                let (ours, theirs) = duplex(1 << 20);
                let (reader, writer) = split(theirs);
                let serving = tokio::spawn(async move {
                    server.serve_streams(reader, writer).await.unwrap();
                });
                let (reader, writer) = split(ours);
                tokio::spawn(async move { read(BufReader::new(reader), &sender).await });
                (Wire::Streams(writer), serving)
            }
            Transport::Http => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap().to_string();
                let serving =
                    tokio::spawn(async move { server.serve_listener(listener).await.unwrap() });
                let wire = Wire::Http {
                    address,
                    session: None,
                    sender,
                    reading: Vec::new(),
                };
                (wire, serving)
            }
        };
        let mut session = Self {
            wire,
            revision,
            conversation: Conversation::new(revision),
            received,
            serving,
        };
        session.shake_hands(&capabilities).await;
        session
    }

    /// Another session of the same server.
    pub(crate) async fn another(&self) -> Self {
        let Wire::Http { address, .. } = &self.wire else {
            panic!("a stream has one session");
        };
        let (sender, received) = unbounded_channel();
        let wire = Wire::Http {
            address: address.clone(),
            session: None,
            sender,
            reading: Vec::new(),
        };
        let mut session = Self {
            wire,
            revision: self.revision,
            conversation: Conversation::new(self.revision),
            received,
            serving: tokio::spawn(async {}),
        };
        session.shake_hands(&everything()).await;
        session.initialized("notifications/initialized").await;
        session
    }

    /// The messages on the stream of a session that belongs to no call. The stream is open when this returns.
    pub(crate) async fn listen(&self) -> Listening {
        let Wire::Http {
            address,
            session: Some(session),
            ..
        } = &self.wire
        else {
            panic!("only HTTP has such streams");
        };
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /mcp HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\nMcp-Session-Id: {session}\r\n\r\n"
        );
        write(&mut stream, &request).await;
        let (head, body) = head(BufReader::new(stream)).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let (sender, received) = unbounded_channel();
        tokio::spawn(async move { read(body, &sender).await });
        Listening {
            conversation: Conversation::new(self.revision),
            received,
        }
    }

    /// Sends the notification `initialized`, with this spelling of the method.
    pub(crate) async fn initialized(&mut self, method: &str) {
        self.send_text(format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#), false)
            .await;
    }

    async fn shake_hands(&mut self, capabilities: &Value) {
        let client = json!({ "name": "session", "version": "1" });
        let params = json!({ "protocolVersion": self.revision, "capabilities": capabilities, "clientInfo": client });
        let message =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        if let Wire::Http {
            address, session, ..
        } = &mut self.wire
        {
            let stream = post(address, None, JUNE, BOTH, &message.to_string()).await;
            let (head, body) = head(stream).await;
            *session = header(&head, "mcp-session-id");
            assert!(session.is_some(), "{head}");
            let (sender, mut received) = unbounded_channel();
            read(body, &sender).await;
            let reply = received.recv().await.unwrap();
            self.conversation.sent(message.to_string().as_bytes());
            self.conversation.received(&reply);
            assert!(reply["result"].is_object(), "{reply}");
        } else {
            self.send(message).await;
            assert!(self.next().await["result"].is_object());
        }
    }

    /// Sends a message as it is. A response or notification has arrived when this returns.
    pub(crate) async fn send(&mut self, message: Value) {
        let is_request = message.get("id").is_some() && message.get("method").is_some();
        self.send_text(message.to_string(), is_request).await;
    }

    async fn send_text(&mut self, message: String, is_request: bool) {
        self.conversation.sent(message.as_bytes());
        match &mut self.wire {
            Wire::Streams(writer) => {
                let line = format!("{message}\n");
                writer.write_all(line.as_bytes()).await.unwrap();
            }
            Wire::Http {
                address,
                session,
                sender,
                reading,
            } => {
                let session = session.as_deref();
                let stream = post(address, session, self.revision, BOTH, &message).await;
                if is_request {
                    let sender = sender.clone();
                    let read = tokio::spawn(async move { read(stream, &sender).await });
                    reading.push(read);
                } else {
                    let (head, _) = head(stream).await;
                    assert!(head.starts_with("HTTP/1.1 202"), "{head}");
                }
            }
        }
    }

    /// Calls the tool.
    pub(crate) async fn call(&mut self, id: i64) {
        let params = json!({ "name": "tool", "arguments": {} });
        self.request(id, "tools/call", params).await;
    }

    pub(crate) async fn request(&mut self, id: i64, method: &str, params: Value) {
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await;
    }

    pub(crate) async fn cancel(&mut self, id: i64) {
        let params = json!({ "requestId": id });
        let method = "notifications/cancelled";
        self.send(json!({ "jsonrpc": "2.0", "method": method, "params": params }))
            .await;
    }

    /// Answers a question.
    pub(crate) async fn answer(&mut self, question: &Value, result: Value) {
        self.send(json!({ "jsonrpc": "2.0", "id": question["id"], "result": result }))
            .await;
    }

    /// The next message of the server, which must be valid.
    pub(crate) async fn next(&mut self) -> Value {
        let message = tokio::time::timeout(TIMEOUT, self.received.recv())
            .await
            .expect("no message arrives")
            .expect("the server ended");
        self.conversation.received(&message);
        message
    }

    /// The next question.
    pub(crate) async fn question(&mut self) -> Value {
        let message = self.next().await;
        assert!(message["method"].is_string(), "{message}");
        assert!(message["id"].is_string(), "{message}");
        message
    }

    /// Expects the cancellation of a question as the next message.
    pub(crate) async fn expect_cancelled(&mut self, question: &Value) {
        let message = self.next().await;
        assert_eq!(message["method"], "notifications/cancelled", "{message}");
        assert_eq!(message["params"]["requestId"], question["id"], "{message}");
    }

    /// Expects the result of a request as the next message.
    pub(crate) async fn result(&mut self, id: i64) -> Value {
        let message = self.next().await;
        assert_eq!(message["id"], id, "{message}");
        assert!(message["result"].is_object(), "{message}");
        message["result"].clone()
    }

    /// The text of the result of a call.
    pub(crate) async fn text(&mut self, id: i64) -> String {
        let result = self.result(id).await;
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Checks that the server answers, and sends nothing before that.
    pub(crate) async fn is_well(&mut self) {
        self.request(4711, "ping", json!({})).await;
        self.result(4711).await;
    }

    /// Closes the streams that the client reads: those of its calls, or the only one.
    pub(crate) async fn disconnect(&mut self) {
        match &mut self.wire {
            Wire::Streams(writer) => writer.shutdown().await.unwrap(),
            Wire::Http { reading, .. } => {
                for stream in reading.drain(..) {
                    stream.abort();
                    let _ = stream.await;
                }
            }
        }
    }

    /// Ends the session.
    pub(crate) async fn end(&self) {
        let Wire::Http {
            address,
            session: Some(session),
            ..
        } = &self.wire
        else {
            panic!("a stream has no session to end");
        };
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "DELETE /mcp HTTP/1.1\r\nHost: {address}\r\nMcp-Session-Id: {session}\r\nConnection: close\r\n\r\n"
        );
        write(&mut stream, &request).await;
        let (head, _) = head(BufReader::new(stream)).await;
        assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    }

    /// Waits until the server has ended.
    pub(crate) async fn ended(&mut self) {
        tokio::time::timeout(TIMEOUT, &mut self.serving)
            .await
            .expect("the call hangs")
            .unwrap();
    }

    /// Sends a call with another HTTP client: with this session id, if any, and this `Accept`.
    pub(crate) async fn call_as(&self, with_session: bool, accept: &str) -> (String, Vec<Value>) {
        let Wire::Http {
            address, session, ..
        } = &self.wire
        else {
            panic!("only HTTP has headers");
        };
        let params = json!({ "name": "tool", "arguments": {} });
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let session = session.as_deref().filter(|_| with_session);
        let sent = message.to_string();
        let stream = post(address, session, self.revision, accept, &sent).await;
        let (head, body) = head(stream).await;
        let (sender, mut received) = unbounded_channel();
        read(body, &sender).await;
        // Without a session, the revision is the one that applies if the header is missing.
        let conversation = Conversation::new(session.map_or("2025-03-26", |_| self.revision));
        conversation.sent(sent.as_bytes());
        let mut messages = Vec::new();
        while let Ok(message) = received.try_recv() {
            conversation.received(&message);
            messages.push(message);
        }
        (head, messages)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

const BOTH: &str = "application/json, text/event-stream";

async fn post(
    address: &str,
    session: Option<&str>,
    revision: &str,
    accept: &str,
    body: &str,
) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let session = session.map_or(String::new(), |id| {
        format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {revision}\r\n")
    });
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: {accept}\r\n\
         {session}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    write(&mut stream, &request).await;
    BufReader::new(stream)
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Reads the head of a response.
async fn head<R: AsyncRead + Unpin>(mut stream: BufReader<R>) -> (String, BufReader<R>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = stream.read_line(&mut head).await.unwrap();
        assert!(read > 0, "{head}");
    }
    (head, stream)
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut pairs = head.lines().filter_map(|line| line.split_once(": "));
    let found = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned())
}

/// Reads the messages of a stream to its end: lines of JSON, a body of JSON, or events.
async fn read(mut stream: impl AsyncBufRead + Unpin, sender: &UnboundedSender<Value>) {
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let data = line.strip_prefix("data: ").unwrap_or(&line);
        if data.starts_with('{') {
            // The test may be over, and the receiver dropped.
            let _ = sender.send(serde_json::from_str(data).unwrap());
        }
        line.clear();
    }
}
