//! An audited server, and clients of it that send raw messages.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use mcp_runtime::prelude::*;
use mcp_runtime::{ApiKey, Auth, HttpBody, HttpService, RateLimit, ResourceLink, Secret};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tower_service::Service as _;

pub(crate) const MODERN: &str = "2026-07-28";
pub(crate) const LEGACY: &str = "2025-11-25";

/// The key of a caller, which no record may have, and text that is in arguments and results.
pub(crate) const KEY: &str = "trap-0123456789abcdef-0123456789abcdef";
pub(crate) const TRAP: &str = "trap-in-arguments-and-results";

/// Says a text again.
#[tool]
async fn echo(text: String) -> String {
    text
}

/// Takes a secret.
#[tool]
async fn log_in(password: Secret<String>) -> usize {
    password.expose().len()
}

/// Fails.
#[tool]
async fn fails(text: String) -> Result<String, ToolError> {
    Err(ToolError::new(format!("{text} failed")))
}

/// Panics.
#[tool]
#[allow(clippy::panic)] // panics are tested
async fn panics(text: String) -> String {
    panic!("{text}")
}

/// Waits until it is cancelled.
#[tool]
async fn wait(text: String) -> String {
    std::future::pending::<()>().await;
    text
}

/// Takes too long.
#[tool(timeout = Duration::from_millis(20))]
async fn late(text: String) -> String {
    std::future::pending::<()>().await;
    text
}

/// Can be called once.
#[tool(layer = RateLimit::per_hour(1))]
async fn rare(text: String) -> String {
    text
}

/// Needs a scope.
#[tool(scopes("calendar:write"))]
async fn add_event(text: String) -> String {
    text
}

/// Is hidden.
#[tool(hidden, scopes("admin"))]
async fn wipe(text: String) -> String {
    text
}

/// Is hidden.
#[prompt(hidden, scopes("admin"))]
async fn passwords(#[arg(complete = words)] name: String) -> String {
    name
}

/// Is hidden.
#[resource("vault://{name}", hidden, scopes("admin"))]
async fn vault(#[arg(complete = words)] name: String) -> String {
    name
}

async fn words() -> Vec<&'static str> {
    vec![TRAP]
}

async fn links() -> Vec<ResourceLink> {
    vec![ResourceLink::new(format!("note://{TRAP}"), TRAP)]
}

/// A note.
#[resource("note://{name}", list = links)]
async fn note(#[arg(complete = words)] name: String) -> String {
    name
}

/// Greets.
#[prompt]
async fn greet(#[arg(complete = words)] name: String) -> String {
    name
}

/// Returns the server without authentication. Components with scopes need it.
pub(crate) fn open() -> Server {
    Server::new("audited", "1").with(components![
        echo, log_in, fails, panics, wait, late, rare, note, greet
    ])
}

/// Returns the server with authentication.
pub(crate) fn protected() -> Server {
    let keys = Auth::api_keys([ApiKey::new("ada", KEY)]);
    open()
        .with(components![add_event, wipe, passwords, vault])
        .auth(keys)
}

/// Returns a request.
pub(crate) fn request(revision: &str, method: &str, mut params: Value) -> Value {
    if revision == MODERN {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
    }
    json!({ "jsonrpc": "2.0", "id": "request-7", "method": method, "params": params })
}

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Sends a message over HTTP with this key, and returns its response.
pub(crate) async fn post(
    service: &HttpService,
    revision: &str,
    key: &str,
    message: &Value,
) -> Response<HttpBody> {
    let method = message["method"].as_str().unwrap();
    let mut post = Request::post("/")
        .header("Host", "localhost")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", revision)
        .header("Traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"));
    if !key.is_empty() {
        post = post.header("Authorization", format!("Bearer {key}"));
    }
    if revision == MODERN {
        post = post.header("Mcp-Method", method);
        let params = &message["params"];
        let name = params["name"].as_str().or(params["uri"].as_str());
        if let Some(name) = name.filter(|_| method != "completion/complete") {
            post = post.header("Mcp-Name", name);
        }
    }
    let post = post.body(message.to_string()).unwrap();
    service.clone().call(post).await.unwrap()
}

/// Reads a whole response, and returns its status.
pub(crate) async fn finish(response: Response<HttpBody>) -> u16 {
    read(response).await.0
}

/// Reads a whole response.
pub(crate) async fn read(response: Response<HttpBody>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Serves messages over byte streams, one after the other, and returns the reply to each.
pub(crate) async fn over_streams(
    server: Server,
    revision: &str,
    messages: &[Value],
) -> Vec<String> {
    let (client, end) = tokio::io::duplex(1 << 20);
    let (reader, writer) = tokio::io::split(end);
    let serving = tokio::spawn(server.serve_streams(reader, writer));
    let (output, mut input) = tokio::io::split(client);
    let mut output = BufReader::new(output).lines();
    let (mut all, mut replies) = (Vec::new(), Vec::new());
    if revision != MODERN {
        let params = json!({
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        all.push(request(revision, "initialize", params));
    }
    all.extend_from_slice(messages);
    for message in all {
        let line = message.to_string() + "\n";
        input.write_all(line.as_bytes()).await.unwrap();
        replies.push(output.next_line().await.unwrap().expect("a reply"));
    }
    input.shutdown().await.unwrap();
    serving.await.unwrap().unwrap();
    replies.split_off(replies.len() - messages.len())
}
