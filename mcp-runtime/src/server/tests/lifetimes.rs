//! Rows of `docs/defaults.md` with times of the day, which pass at once on the paused clock.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tower_service::Service as _;

use crate::defaults_page::row;
use crate::{Context, HttpService, Principal, Server, Tool, ToolError};

const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";
const MOMENT: Duration = Duration::from_millis(1);

/// Returns a server that sets no limit.
fn server() -> Server {
    let set = |_: Value, context: Context| async move {
        context.session()?.set("key", &1).await?;
        Ok::<_, ToolError>("set")
    };
    let get = |_: Value, context: Context| async move {
        let value: Option<u8> = context.session()?.get("key").await?;
        Ok::<_, ToolError>(format!("{value:?}"))
    };
    let ask = |_: Value, context: Context| async move {
        let roots = context.roots().await?;
        Ok::<_, ToolError>(format!("{} roots", roots.len()))
    };
    let schema = || json!({ "type": "object" });
    Server::new("app", "1.0.0")
        .with(Tool::new("set", schema(), set))
        .with(Tool::new("get", schema(), get))
        .with(Tool::new("ask", schema(), ask))
}

fn request(revision: &str, method: &str, mut params: Value) -> Value {
    if revision == MODERN {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": revision,
            "io.modelcontextprotocol/clientCapabilities": { "roots": {} },
        });
    }
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn call(revision: &str, tool: &str) -> Value {
    request(
        revision,
        "tools/call",
        json!({ "name": tool, "arguments": {} }),
    )
}

fn initialize() -> Value {
    let params = json!({
        "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    request(LEGACY, "initialize", params)
}

/// Sends a message of a principal. Returns the status, the session if there is one, and the message.
async fn post(
    service: &HttpService,
    revision: &str,
    session: Option<&str>,
    message: &Value,
) -> (StatusCode, Option<String>, Value) {
    let mut request = Request::post("/")
        .header("Host", "localhost")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", revision)
        .extension(Principal::new("ada"));
    if revision == MODERN {
        request = request.header("Mcp-Method", message["method"].as_str().unwrap());
        request = request.header("Mcp-Name", message["params"]["name"].as_str().unwrap());
    }
    if let Some(session) = session {
        request = request.header("Mcp-Session-Id", session);
    }
    let request = request.body(message.to_string()).unwrap();
    let response = service.clone().call(request).await.unwrap();
    let status = response.status();
    let session = response.headers().get("mcp-session-id");
    let session = session.map(|id| id.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (
        status,
        session,
        serde_json::from_slice(&body).unwrap_or_default(),
    )
}

fn text(reply: &Value) -> &str {
    let text = reply["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{reply}"))
}

#[tokio::test(start_paused = true)]
async fn a_session_lives_as_long_as_the_documentation_says() {
    let row = row("session-life");
    row.says("HTTP 404");
    let service = server().into_service().await.unwrap();
    // The server knows the token of the first one, because it has been used.
    let (_, used, _) = post(&service, LEGACY, None, &initialize()).await;
    let (_, unused, _) = post(&service, LEGACY, None, &initialize()).await;
    // The time of a session is that of its second.
    let second = Duration::from_secs(1);
    let get = call(LEGACY, "get");
    for (passed, expected) in [
        (row.time().saturating_sub(second), StatusCode::OK),
        (second, StatusCode::NOT_FOUND),
    ] {
        let (status, ..) = post(&service, LEGACY, used.as_deref(), &get).await;
        assert_eq!(status, StatusCode::OK);
        tokio::time::advance(passed).await;
        let (status, ..) = post(&service, LEGACY, used.as_deref(), &get).await;
        assert_eq!(status, expected);
    }
    let (status, ..) = post(&service, LEGACY, unused.as_deref(), &get).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

/// A client over byte streams, or over HTTP in a revision without sessions.
enum Client {
    Streams(tokio::io::DuplexStream),
    Http(HttpService),
}

impl Client {
    async fn both() -> [Self; 2] {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (reader, writer) = tokio::io::split(far);
        tokio::spawn(server().serve_streams(reader, writer));
        let service = server().into_service().await.unwrap();
        [Self::Streams(near), Self::Http(service)]
    }

    async fn call(&mut self, tool: &str) -> String {
        let message = call(MODERN, tool);
        let reply = match self {
            Self::Streams(stream) => {
                stream
                    .write_all(format!("{message}\n").as_bytes())
                    .await
                    .unwrap();
                let mut line = String::new();
                BufReader::new(stream).read_line(&mut line).await.unwrap();
                serde_json::from_str(&line).unwrap()
            }
            Self::Http(service) => post(service, MODERN, None, &message).await.2,
        };
        text(&reply).to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn data_lives_after_its_last_change_as_long_as_the_documentation_says() {
    let row = row("session-data-life").for_all();
    row.says("the values are gone");
    for mut client in Client::both().await {
        for _ in 0..2 {
            // The second change comes at the last moment.
            assert_eq!(client.call("set").await, "set");
            tokio::time::advance(row.time().saturating_sub(MOMENT)).await;
            assert_eq!(client.call("get").await, "Some(1)");
        }
        tokio::time::advance(MOMENT).await;
        assert_eq!(client.call("get").await, "None");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_state_can_be_answered_as_long_as_the_documentation_says() {
    let row = row("answer-time").for_all();
    row.says("-32602 for an expired `requestState`");
    let service = server().into_service().await.unwrap();
    let (_, _, asking) = post(&service, MODERN, None, &call(MODERN, "ask")).await;
    let asked = asking["result"]["inputRequests"].as_object().unwrap();
    let name = asked.keys().next().unwrap();
    let mut answered = call(MODERN, "ask");
    answered["params"]["inputResponses"] = json!({ name: { "roots": [] } });
    answered["params"]["requestState"] = asking["result"]["requestState"].clone();
    tokio::time::advance(row.time().saturating_sub(MOMENT)).await;
    let (_, _, reply) = post(&service, MODERN, None, &answered).await;
    assert_eq!(text(&reply), "0 roots");
    tokio::time::advance(MOMENT).await;
    let (_, _, reply) = post(&service, MODERN, None, &answered).await;
    assert_eq!(reply["error"]["code"], -32602, "{reply}");
}
