//! Panics of user code at every place: the call fails, its id is free again, and nothing else is affected.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

use std::fmt;
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures_core::Stream;
use mcp_runtime::prelude::*;
use mcp_runtime::{Completion, LayeredCall, Listing, Next, ResourceLink, Server};
use mcp_tests::conversation::Conversation;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex, split};
use tokio::net::{TcpListener, TcpStream};

/// Longer than any step of these tests takes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A value that panics at this point of its use.
#[derive(Debug)]
struct Bomb(&'static str);

impl Bomb {
    fn is(&self, moment: &str) {
        assert!(self.0 != moment, "a secret of {moment}");
    }
}

impl fmt::Display for Bomb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.is("display");
        formatter.write_str("a bomb")
    }
}

impl std::error::Error for Bomb {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.is("source");
        None
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.is("drop");
        }
    }
}

impl From<Bomb> for Content {
    fn from(bomb: Bomb) -> Self {
        bomb.is("convert");
        Content::text("a bomb")
    }
}

#[derive(schemars::JsonSchema)]
struct Unwritable {}

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("a secret of serialize")
    }
}

/// Fail with an error that panics.
#[tool]
async fn error(moment: String) -> Result<(), Bomb> {
    Err(bomb(&moment))
}

/// Fail with such an error on a thread.
#[tool]
fn blocking(moment: String) -> Result<(), Bomb> {
    Err(bomb(&moment))
}

/// Fail with such an error in place.
#[tool(inline)]
fn inline(moment: String) -> Result<(), Bomb> {
    Err(bomb(&moment))
}

/// Fail after a wait.
#[tool]
async fn late(moment: String) -> Result<(), Bomb> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    Err(bomb(&moment))
}

/// Panic with a payload that panics when it is dropped.
#[tool]
async fn payload(moment: String) {
    tokio::task::yield_now().await;
    std::panic::panic_any(bomb(&moment));
}

/// The same on a thread.
#[tool]
fn payload_on_a_thread(moment: String) {
    std::panic::panic_any(bomb(&moment));
}

/// Return what cannot be written.
#[tool]
async fn unwritable(moment: String) -> Json<Unwritable> {
    drop(moment);
    Json(Unwritable {})
}

/// Return what cannot be converted.
#[tool]
async fn converted(moment: String) -> Vec<Bomb> {
    vec![bomb(&moment)]
}

struct Bombs(&'static str);

impl Stream for Bombs {
    type Item = Bomb;

    fn poll_next(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<Bomb>> {
        assert!(self.0 != "next", "a secret of next");
        Poll::Ready(Some(Bomb(self.0)))
    }
}

/// Return a stream that panics.
#[tool]
async fn stream(moment: String) -> Bombs {
    Bombs(bomb(&moment).0)
}

fn bomb(moment: &str) -> Bomb {
    let moments = ["display", "source", "drop", "convert", "next"];
    Bomb(
        moments
            .into_iter()
            .find(|known| *known == moment)
            .unwrap_or("never"),
    )
}

/// Say that all is well.
#[tool]
async fn well() -> &'static str {
    "well"
}

fn completer(_: Completion) -> Vec<String> {
    panic!("a secret of a completer")
}

fn lister(_: Listing) -> Vec<ResourceLink> {
    std::panic::panic_any(Bomb("drop"))
}

/// A thing.
#[resource("thing://{name}", list = lister)]
async fn thing(name: String) -> Result<String, Bomb> {
    Err(bomb(&name))
}

/// A letter.
#[prompt]
async fn letter(#[arg(complete = completer)] moment: String) -> Result<String, Bomb> {
    Err(bomb(&moment))
}

fn server(mask: bool, layered: bool) -> Server {
    let server = Server::new("bombs", "1").with(components![
        error,
        blocking,
        inline,
        late,
        payload,
        payload_on_a_thread,
        unwritable,
        converted,
        stream,
        well,
        thing,
        letter
    ]);
    let server = if mask { server.mask_errors() } else { server };
    if !layered {
        return server;
    }
    server.layer(|call: LayeredCall, next: Next| async move {
        assert!(call.name() != "late", "a secret of a layer");
        next.run().await
    })
}

/// Requests that cause a panic, one for each place.
fn requests() -> Vec<(&'static str, Value)> {
    let call = |tool: &str, moment: &str| {
        let arguments = json!({ "moment": moment });
        (
            "tools/call",
            json!({ "name": tool, "arguments": arguments }),
        )
    };
    let mut all: Vec<(&'static str, Value)> = Vec::new();
    for tool in ["error", "blocking", "inline", "late"] {
        all.extend(["display", "source", "drop"].map(|moment| call(tool, moment)));
    }
    all.extend([
        call("payload", "drop"),
        call("payload_on_a_thread", "drop"),
        call("unwritable", ""),
        call("converted", "convert"),
        call("converted", "drop"),
        call("stream", "convert"),
        call("stream", "next"),
        ("resources/read", json!({ "uri": "thing://display" })),
        ("resources/read", json!({ "uri": "thing://drop" })),
        ("resources/list", json!({})),
        ("prompts/get", json!({ "name": "letter", "arguments": { "moment": "display" } })),
        ("prompts/get", json!({ "name": "letter", "arguments": { "moment": "drop" } })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "letter" }, "argument": { "name": "moment", "value": "" } }),
        ),
    ]);
    all
}

fn message(modern: bool, id: u64, method: &str, params: &Value) -> String {
    let mut params = params.clone();
    if modern {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// The revision of the session.
const REVISION: &str = "2025-11-25";
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

/// Checks that a panic frees the id, hides its message, and is answered.
fn check(id: u64, request: &Value, answer: &Value) {
    assert_eq!(answer["id"], id, "{request}: {answer}");
    let is_error = answer["error"]["code"] == -32603 || answer["result"]["isError"] == true;
    // A destructor that panics after the text was read does not fail the call.
    assert!(is_error, "{request}: {answer}");
    assert!(
        !answer.to_string().contains("secret"),
        "{request}: {answer}"
    );
}

async fn within<T>(future: impl Future<Output = T>, what: &str) -> T {
    tokio::time::timeout(TIMEOUT, future)
        .await
        .unwrap_or_else(|_| panic!("no answer to {what}"))
}

async fn over_streams(modern: bool, server: Server) {
    let (ours, theirs) = duplex(1 << 20);
    let (reader, writer) = split(theirs);
    let serving = tokio::spawn(server.serve_streams(reader, writer));
    let (reader, mut writer) = split(ours);
    let mut lines = BufReader::new(reader).lines();
    let conversation = Conversation::new(REVISION);
    if !modern {
        conversation.sent(INITIALIZE.as_bytes());
        writer
            .write_all(format!("{INITIALIZE}\n").as_bytes())
            .await
            .unwrap();
        let answer = lines.next_line().await.unwrap().unwrap();
        conversation.received(&serde_json::from_str(&answer).unwrap());
    }
    let calls = requests();
    let well = ("tools/call", json!({ "name": "well", "arguments": {} }));
    for (method, params) in &calls {
        // The id is reused to check that it is free again.
        for (id, method, params) in [(7, *method, params), (8, well.0, &well.1)] {
            let line = message(modern, id, method, params) + "\n";
            conversation.wrote(line.as_bytes());
            writer.write_all(line.as_bytes()).await.unwrap();
            let answer = within(lines.next_line(), &line)
                .await
                .unwrap()
                .expect("the server starts");
            let answer = serde_json::from_str(&answer).unwrap();
            conversation.received(&answer);
            if id == 7 {
                check(7, params, &answer);
            } else {
                assert!(
                    answer.to_string().contains("well"),
                    "after {line}: {answer}"
                );
            }
        }
    }
    drop((writer, lines));
    within(serving, "the end").await.unwrap().unwrap();
}

async fn post(stream: &mut BufReader<TcpStream>, headers: &str, body: &str) -> (String, String) {
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         {headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(
            stream.read_line(&mut head).await.unwrap() > 0,
            "closed after {body}"
        );
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap_or_else(|| panic!("no answer with a length to {body}: {head}"));
    let mut answer = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut answer).await.unwrap();
    (head, String::from_utf8(answer).unwrap())
}

async fn over_http(modern: bool, server: Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve_listener(listener));
    // One connection for all: a panic must not close it.
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let mut headers = String::new();
    let conversation = Conversation::new(REVISION);
    if !modern {
        let (head, answer) = post(&mut stream, "", INITIALIZE).await;
        conversation.sent(INITIALIZE.as_bytes());
        conversation.received(&serde_json::from_str(&answer).unwrap());
        let session = head
            .lines()
            .find_map(|line| line.strip_prefix("mcp-session-id: "))
            .unwrap();
        headers = format!("Mcp-Session-Id: {session}\r\n");
    }
    let well = json!({ "name": "well", "arguments": {} });
    for (method, params) in &requests() {
        for (method, params, is_well) in [(*method, params, false), ("tools/call", &well, true)] {
            let own = if modern {
                let name = params.get("name").or(params.get("uri"));
                let name = name.and_then(Value::as_str);
                let name = name
                    .map(|name| format!("Mcp-Name: {name}\r\n"))
                    .unwrap_or_default();
                format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}")
            } else {
                headers.clone()
            };
            let body = message(modern, 7, method, params);
            let (_, answer) = within(post(&mut stream, &own, &body), &body).await;
            let answer = serde_json::from_str(&answer).unwrap();
            conversation.sent(body.as_bytes());
            conversation.received(&answer);
            if is_well {
                assert!(answer.to_string().contains("well"), "{answer}");
            } else {
                check(7, params, &answer);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_user_code_is_one_failed_call_over_streams() {
    for (modern, mask, layered) in [
        (true, false, false),
        (false, true, false),
        (true, true, true),
    ] {
        over_streams(modern, server(mask, layered)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_user_code_is_one_failed_call_over_http() {
    for (modern, mask, layered) in [
        (true, false, false),
        (false, true, false),
        (false, true, true),
    ] {
        over_http(modern, server(mask, layered)).await;
    }
}
