//! A server on a socket, and a client that sends raw requests. All messages of the server are validated.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use mcp_runtime::{Revision, Server};
use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One revision of each era.
pub(crate) const ERAS: [Revision; 2] = [Revision::V2025_11_25, Revision::V2026_07_28];

const TIMEOUT: Duration = Duration::from_secs(20);

/// Starts a server and returns its address.
pub(crate) async fn start(server: Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve_listener_with_shutdown(listener, std::future::pending()));
    address
}

/// The response to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Reply {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect(text);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        Self {
            status: status.unwrap().parse().unwrap(),
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns the parameters of the challenge, which has the scheme `Bearer`.
    pub(crate) fn challenge(&self) -> HashMap<String, String> {
        let value = self.header("www-authenticate").expect("a challenge");
        challenge(value)
    }

    /// Returns the message of a JSON body, or of the last event.
    pub(crate) fn message(&self) -> Value {
        let mut data = self
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        let text = data.rfind(|data| !data.is_empty());
        let text = text.unwrap_or(&self.body);
        serde_json::from_str(text).expect(&self.body)
    }
}

/// Parses a challenge by the grammar of RFC 9110: a scheme, and parameters with quoted values.
fn challenge(value: &str) -> HashMap<String, String> {
    let mut rest = value.strip_prefix("Bearer ").expect(value);
    let mut parameters = HashMap::new();
    loop {
        let (name, quoted) = rest.split_once("=\"").expect(value);
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        );
        let (text, after) = quoted.split_once('"').expect(value);
        assert!(
            parameters
                .insert(name.to_owned(), text.to_owned())
                .is_none()
        );
        let Some(next) = after.strip_prefix(", ") else {
            assert_eq!(after, "", "{value}");
            return parameters;
        };
        rest = next;
    }
}

/// Sends bytes on a new connection and reads the response to its end, or to the first event of a stream.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut text = Vec::new();
    let reading = async {
        while stream.read_buf(&mut text).await.unwrap() > 0 {
            let text = String::from_utf8_lossy(&text);
            let is_stream = text.contains("text/event-stream");
            if is_stream && (text.contains("acknowledged") || text.contains("id: ")) {
                return;
            }
        }
    };
    tokio::time::timeout(TIMEOUT, reading)
        .await
        .expect("a response in time");
    Reply::parse(&String::from_utf8(text).unwrap())
}

/// Returns the bytes of a request.
pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        text += "Host: localhost\r\n";
    }
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    if !body.is_empty() {
        write!(text, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    (text + "\r\n" + body).into_bytes()
}

/// A client of one revision.
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) revision: Revision,
    pub(crate) session: Option<String>,
}

impl Client {
    /// Returns a client that has shaken hands, if its revision has handshakes, with this bearer token.
    pub(crate) async fn new(address: SocketAddr, revision: Revision, token: &str) -> Self {
        let mut client = Self {
            address,
            revision,
            session: None,
        };
        if !client.is_modern() {
            client.session = client.open_session(&[bearer(token)]).await;
            assert!(client.session.is_some());
        }
        client
    }

    /// Shakes hands with these credentials, and returns the session if there is one.
    pub(crate) async fn open_session(&self, headers: &[(&str, String)]) -> Option<String> {
        let params = json!({
            "protocolVersion": self.revision.name(),
            "capabilities": {},
            "clientInfo": { "name": "x", "version": "1" },
        });
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let bytes = self.post("initialize", "", &message.to_string(), None, headers);
        let reply = exchange(self.address, &bytes).await;
        self.validate(&message.to_string(), &reply);
        reply.header("mcp-session-id").map(str::to_owned)
    }

    /// Returns a session of the caller with these credentials, or else that of the client: a session belongs to one caller.
    async fn session_of(&self, headers: &[(&str, String)]) -> Option<String> {
        let own = self.session.clone()?;
        Some(self.open_session(headers).await.unwrap_or(own))
    }

    fn is_modern(&self) -> bool {
        self.revision.name() == MODERN
    }

    /// Returns the bytes of a message in a POST request.
    pub(crate) fn post(
        &self,
        method: &str,
        name: &str,
        message: &str,
        session: Option<&str>,
        headers: &[(&str, String)],
    ) -> Vec<u8> {
        let mut all = vec![
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("MCP-Protocol-Version", self.revision.name()),
        ];
        if self.is_modern() {
            all.push(("Mcp-Method", method));
            if !name.is_empty() {
                all.push(("Mcp-Name", name));
            }
        }
        if let Some(session) = session {
            all.push(("Mcp-Session-Id", session));
        }
        all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        request("POST /mcp", &all, message)
    }

    /// Sends a request and returns the response.
    pub(crate) async fn request(
        &self,
        method: &str,
        mut params: Value,
        headers: &[(&str, String)],
    ) -> Reply {
        let named = ["tools/call", "prompts/get", "resources/read"].contains(&method);
        let name = params.get("name").or_else(|| params.get("uri"));
        let name = name.and_then(Value::as_str).filter(|_| named);
        let name = name.unwrap_or_default().to_owned();
        if self.is_modern() {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {} } },
            });
        }
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let message = message.to_string();
        let session = self.session_of(headers).await;
        let bytes = self.post(method, &name, &message, session.as_deref(), headers);
        let reply = exchange(self.address, &bytes).await;
        self.validate(&message, &reply);
        reply
    }

    /// Sends a batch, or another body, and returns the response.
    pub(crate) async fn send(&self, body: &str, headers: &[(&str, String)]) -> Reply {
        let session = self.session_of(headers).await;
        let bytes = self.post("", "", body, session.as_deref(), headers);
        exchange(self.address, &bytes).await
    }

    fn validate(&self, message: &str, reply: &Reply) {
        let conversation = Conversation::new(self.revision.name());
        conversation.sent(message.as_bytes());
        let answer = reply.message();
        if answer.get("id").is_some() || answer.get("method").is_some() {
            conversation.received(&answer);
        } else {
            conversation.refused(&answer);
        }
    }
}

pub(crate) fn bearer(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}
