//! Subscriptions end when the credentials of their callers expire. Calls that began before are answered.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use mcp_runtime::prelude::*;
use mcp_runtime::{AuthFuture, Authenticate, Credentials, Identity, Principal};
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::http::{Client, ERAS, bearer, exchange, request, start};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A caller with two tokens. One does not expire, and the other does, one second after its first use.
#[derive(Default)]
struct Brief(OnceLock<SystemTime>);

impl Authenticate for Brief {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        let mut identity = Identity::new(Principal::new("ada"));
        if credentials.bearer() == Some("brief") {
            let expires = || SystemTime::now() + Duration::from_secs(1);
            identity.expires = Some(*self.0.get_or_init(expires));
        }
        Box::pin(std::future::ready(Ok(Some(identity))))
    }
}

/// Report progress, and return when the credentials have expired.
#[tool]
async fn wait(context: Context) -> &'static str {
    context.progress(1, Some(2), None);
    tokio::time::sleep(Duration::from_secs(2)).await;
    "answered"
}

/// A request whose response is a stream of events.
#[derive(Debug, Clone, Copy)]
enum Stream {
    /// That of a session, or `subscriptions/listen`.
    Changes,
    Call,
}

fn message(method: &str, mut params: Value, client: &Client) -> String {
    let mut meta = json!({ "progressToken": 1 });
    if client.revision.name() == MODERN {
        meta["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    }
    params["_meta"] = meta;
    json!({ "jsonrpc": "2.0", "id": 2, "method": method, "params": params }).to_string()
}

impl Stream {
    fn request(self, client: &Client, token: &str) -> Vec<u8> {
        let session = client.session.as_deref();
        let post = |method, name, params| {
            let message = message(method, params, client);
            client.post(method, name, &message, session, &[bearer(token)])
        };
        let authorization = format!("Bearer {token}");
        match (self, session) {
            (Self::Call, _) => post("tools/call", "wait", json!({ "name": "wait" })),
            (Self::Changes, None) => {
                let notifications = json!({ "notifications": { "toolsListChanged": true } });
                post("subscriptions/listen", "", notifications)
            }
            (Self::Changes, Some(session)) => {
                let headers = [
                    ("Accept", "text/event-stream"),
                    ("MCP-Protocol-Version", client.revision.name()),
                    ("Mcp-Session-Id", session),
                    ("Authorization", &*authorization),
                ];
                request("GET /mcp", &headers, "")
            }
        }
    }
}

/// Sends a request and reads the response to its end.
async fn read_to_end(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut text = String::new();
    let reading = stream.read_to_string(&mut text);
    let read = tokio::time::timeout(TIMEOUT, reading).await;
    read.expect("the stream ends").unwrap();
    text
}

#[tokio::test]
async fn subscriptions_end_when_the_credentials_expire_and_calls_are_answered() {
    for revision in ERAS {
        for stream in [Stream::Changes, Stream::Call] {
            let server = Server::new("x", "1").with(components![wait]);
            let address = start(server.auth(Brief::default())).await;
            let client = Client::new(address, revision, "lasting").await;
            let request = stream.request(&client, "brief");
            let response = read_to_end(address, &request).await;
            let place = format!("{} {stream:?}: {response}", revision.name());
            assert!(response.starts_with("HTTP/1.1 200 "), "{place}");
            assert!(response.contains("text/event-stream"), "{place}");
            let is_call = matches!(stream, Stream::Call);
            assert_eq!(response.contains("answered"), is_call, "{place}");
            // The end of a complete body.
            assert!(response.ends_with("\r\n0\r\n\r\n"), "{place}");
            let reply = exchange(address, &request).await;
            assert_eq!(reply.status, 401, "{place}");
            assert_eq!(reply.challenge()["error"], "invalid_token", "{place}");
        }
    }
}
