//! The server of the README with further components, in this process, whose clock can be paused.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use mcp_runtime::prelude::*;
use mcp_runtime::{HttpBody, HttpService, PeerAddress, Tool};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::io::{DuplexStream, Lines, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service as _;

use super::process::{MODERN, message, post_headers};

/// Waits.
#[tool]
async fn wait(seconds: u64) -> &'static str {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    "waited"
}

/// Reports progress each second.
#[tool]
async fn work(seconds: u32, context: Context) -> &'static str {
    for second in 1..=seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        context.progress(second, None, None);
    }
    "worked"
}

/// Returns a text.
#[tool]
async fn text(bytes: usize) -> ToolResult {
    ToolResult::new().content(Content::text("x".repeat(bytes)))
}

/// Reports progress, and logs.
#[tool]
async fn chatter(reports: u32, logs: u32, context: Context) {
    for report in 1..=reports {
        context.progress(report, None, None);
    }
    for number in 0..logs {
        context.log(LogLevel::Error, number);
    }
}

/// A number.
#[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Number {
    /// The number.
    number: u8,
}

/// Asks for a number.
#[tool]
async fn ask(context: Context) -> Result<u8, ToolError> {
    Ok(context.elicit::<Number>("Which number?").await?.number)
}

/// Keeps values of this size in the session.
#[tool]
async fn keep(values: usize, bytes: usize, context: Context) -> Result<(), ToolError> {
    let session = context.session()?;
    for value in 0..values {
        session
            .set(&format!("{value:03}"), &"x".repeat(bytes))
            .await?;
    }
    Ok(())
}

/// Reads a value of the session.
#[tool]
async fn kept(context: Context) -> Result<bool, ToolError> {
    let value: Option<String> = context.session()?.get("000").await?;
    Ok(value.is_some())
}

/// Adds many numbers.
#[tool]
async fn sum(numbers: Vec<i64>) -> i64 {
    numbers.iter().sum()
}

/// Panics.
#[tool]
#[allow(clippy::panic)] // panics are tested
async fn panics() -> String {
    panic!("a secret of the process")
}

/// Fails.
#[tool]
async fn fails() -> Result<(), ToolError> {
    Err(std::io::Error::other("the disk is full"))?
}

/// Returns the credentials that the handler sees.
#[tool]
async fn credentials(headers: mcp_runtime::Headers) -> String {
    let seen = ["Authorization", "Proxy-Authorization", "X-Other"].map(|name| headers.get(name));
    format!("{seen:?}")
}

async fn numbers() -> Vec<String> {
    (0..150).map(|number| number.to_string()).collect()
}

/// A note.
#[resource("note://{name}")]
async fn note(#[arg(complete = numbers)] name: String) -> String {
    name
}

/// Returns the server of the README, with the components of this file.
pub(crate) fn server() -> Server {
    mcp_runtime::server!()
}

/// Returns the server with this many more tools.
pub(crate) fn with_tools(count: usize) -> Server {
    let tool = |number| {
        let schema = json!({ "type": "object" });
        Tool::new(
            format!("tool_{number}"),
            schema,
            |_: Value, _: Context| async {},
        )
    };
    (0..count).map(tool).fold(server(), Server::with)
}

/// Returns a call of a tool.
pub(crate) fn call(revision: &str, id: u64, tool: &str, arguments: &Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    let mut call = message(revision, "tools/call", params);
    call["id"] = id.into();
    call
}

/// A client over byte streams with the framing of stdio.
pub(crate) struct Streams {
    input: WriteHalf<DuplexStream>,
    output: Lines<BufReader<ReadHalf<DuplexStream>>>,
}

impl Streams {
    /// Starts a server, and shakes hands if the revision has handshakes.
    pub(crate) async fn start(server: Server, revision: &str) -> Self {
        Self::start_with(server, revision, 1 << 20).await
    }

    /// [`Streams::start`] with a pipe that holds this many bytes in each direction.
    pub(crate) async fn start_with(server: Server, revision: &str, pipe: usize) -> Self {
        let (client, end) = tokio::io::duplex(pipe);
        let (reader, writer) = split(end);
        tokio::spawn(server.serve_streams(reader, writer));
        let (output, input) = split(client);
        let output = BufReader::new(output).lines();
        let mut streams = Self { input, output };
        if revision != MODERN {
            let params = json!({
                "protocolVersion": revision,
                "capabilities": { "elicitation": {} },
                "clientInfo": { "name": "test", "version": "1" },
            });
            streams.send(&message(revision, "initialize", params)).await;
            streams.receive().await;
            let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
            streams.send(&initialized).await;
        }
        streams
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, message: &str) {
        let line = message.to_owned() + "\n";
        self.input.write_all(line.as_bytes()).await.unwrap();
    }

    /// Returns the next message.
    pub(crate) async fn receive(&mut self) -> Value {
        let line = self.output.next_line().await.unwrap().expect("a message");
        serde_json::from_str(&line).expect(&line)
    }

    /// Returns the reply to a request. Notifications before it are ignored.
    pub(crate) async fn ask(&mut self, request: &Value) -> Value {
        self.send(request).await;
        loop {
            let message = self.receive().await;
            if message["id"] == request["id"] && message.get("method").is_none() {
                return message;
            }
        }
    }
}

/// Returns a server as an HTTP service.
pub(crate) async fn service(server: Server) -> HttpService {
    server.into_service().await.unwrap()
}

/// Returns a request of a caller at this address.
pub(crate) fn http_request<B>(peer: &str, headers: &str, body: B) -> Request<B> {
    let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
    let mut request = Request::post("/")
        .header("Host", "localhost")
        .extension(PeerAddress(peer));
    for (name, value) in headers.lines().filter_map(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    request.body(body).unwrap()
}

/// Sends a message of a caller at this address, and returns the response when it begins.
pub(crate) async fn post(
    service: &HttpService,
    peer: &str,
    revision: &str,
    session: Option<&str>,
    message: &Value,
) -> Response<HttpBody> {
    let message = message.to_string();
    let headers = post_headers(revision, &message, session);
    let request = http_request(peer, &headers, message);
    service.clone().call(request).await.unwrap()
}

/// Reads the whole body of a response.
pub(crate) async fn body(response: Response<HttpBody>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Reads the message of a response.
pub(crate) async fn reply(response: Response<HttpBody>) -> Value {
    let body = body(response).await;
    let data = body
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.unwrap_or(&body)).expect(&body)
}

/// Opens a session of a caller at this address.
pub(crate) async fn session(service: &HttpService, peer: &str, revision: &str) -> String {
    let params = json!({
        "protocolVersion": revision,
        "capabilities": { "elicitation": {} },
        "clientInfo": { "name": "test", "version": "1" },
    });
    let initialize = message(revision, "initialize", params);
    let response = post(service, peer, revision, None, &initialize).await;
    let id = response.headers()["mcp-session-id"].to_str().unwrap();
    id.to_owned()
}

/// Serves a server on a socket. Returns its address.
pub(crate) async fn listen(server: Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve_listener_with_shutdown(listener, std::future::pending()));
    address
}

/// A raw connection.
pub(crate) struct Socket(pub(crate) TcpStream);

impl Socket {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Writes a call of a tool.
    pub(crate) async fn call(&mut self, revision: &str, tool: &str, arguments: &Value) {
        let message = call(revision, 1, tool, arguments).to_string();
        let headers = post_headers(revision, &message, None);
        let length = message.len();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        self.write(&(head + &message)).await;
    }

    /// Reads until the text contains this, or to the end.
    pub(crate) async fn read_until(&mut self, part: &str) -> String {
        let mut text = Vec::new();
        let contains = |text: &[u8]| String::from_utf8_lossy(text).contains(part);
        while !contains(&text) && self.0.read_buf(&mut text).await.unwrap_or(0) > 0 {}
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Returns the time until the server closes the connection.
    pub(crate) async fn closed_after(mut self) -> Duration {
        let begin = tokio::time::Instant::now();
        let mut bytes = [0; 1024];
        while self.0.read(&mut bytes).await.unwrap_or(0) > 0 {}
        begin.elapsed()
    }
}
