//! Questions of many clients, and what the calls that ask them keep.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{HttpService, RunningServer, Transport};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};

use super::local::{Streams, call, post, reply, server, service, session};
use super::page::row;
use super::process::{LEGACY, MODERN, message};

const LOCAL: &str = "127.0.0.1";

/// A text.
#[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Answer {
    /// The text.
    text: String,
}

/// Asks for two texts, and returns their lengths.
#[tool]
async fn ask_twice(context: Context) -> Result<String, ToolError> {
    let first = context.elicit::<Answer>("Which text?").await?.text;
    let second = context.elicit::<Answer>("Which other text?").await?.text;
    Ok(format!("{} {}", first.len(), second.len()))
}

/// The number of effects that have run.
static EFFECTS: AtomicUsize = AtomicUsize::new(0);

/// Runs this many effects with outcomes of this size, and asks for a text before or after them.
#[tool]
async fn effects_of(
    count: usize,
    bytes: usize,
    asks_first: bool,
    context: Context,
) -> Result<(), ToolError> {
    if asks_first {
        context.elicit::<Answer>("Which text?").await?;
    }
    for number in 0..count {
        let outcome = async {
            EFFECTS.fetch_add(1, Ordering::Relaxed);
            "x".repeat(bytes)
        };
        context.once(&number.to_string(), outcome).await?;
    }
    context.elicit::<Answer>("Which text?").await?;
    Ok(())
}

/// Returns a call with the answer to the question in this result.
fn answered(call: &Value, asking: &Value, text: &str) -> Value {
    let requests = asking["inputRequests"].as_object().expect("questions");
    let name = requests.keys().next().expect("a question");
    let mut call = call.clone();
    call["params"]["inputResponses"] =
        json!({ name: { "action": "accept", "content": { "text": text } } });
    call["params"]["requestState"] = asking["requestState"].clone();
    call
}

#[tokio::test]
async fn state() {
    let row = row("state");
    row.says_refusal(Some(-32602), None);
    let mut streams = Streams::start(server(), MODERN).await;
    let call = call(MODERN, 2, "ask_twice", &json!({}));
    let asking = streams.ask(&call).await["result"].take();
    let too_long = answered(&call, &asking, &"x".repeat(row.number()));
    let refused = streams.ask(&too_long).await;
    let error = refused["error"]["message"].as_str().unwrap();
    // The error has the size of the state, so that the longest answer follows from it.
    let (_, rest) = error.split_once("the call has ").expect(error);
    let (bytes, _) = rest.split_once(" bytes").expect(error);
    let others = bytes.parse::<usize>().unwrap() - row.number();
    for (beyond, is_served) in [(0, true), (1, false)] {
        let text = "x".repeat(row.number() - others + beyond);
        let answered = answered(&call, &asking, &text);
        let reply = streams.ask(&answered).await;
        assert_eq!(reply["result"]["requestState"].is_string(), is_served);
        if !is_served {
            assert_eq!(reply["error"]["code"], -32602, "{reply}");
        }
    }
}

/// A client whose calls have effects.
enum Caller {
    /// Over byte streams, without a share.
    Streams(Streams),
    Http(HttpService),
}

impl Caller {
    async fn streams() -> Self {
        Self::Streams(Streams::start(server(), MODERN).await)
    }

    async fn http() -> Self {
        Self::Http(service(server()).await)
    }

    /// Sends a call. Returns the reply, and how many effects have run.
    async fn call(&mut self, call: &Value) -> (Value, usize) {
        let before = EFFECTS.load(Ordering::Relaxed);
        let reply = match self {
            Self::Streams(streams) => streams.ask(call).await,
            Self::Http(service) => {
                let response = post(service, LOCAL, MODERN, None, call).await;
                let status = response.status();
                let reply = reply(response).await;
                let is_refused = reply["error"].is_object();
                assert_eq!(status, if is_refused { 503 } else { 200 }, "{reply}");
                reply
            }
        };
        (reply, EFFECTS.load(Ordering::Relaxed) - before)
    }

    /// Calls once, and answers the question, after which the effects run. They are kept although the call has no result.
    /// Returns how many effects have run when the memory was full.
    async fn fill(&mut self, bytes: usize) -> usize {
        let arguments = json!({ "count": 10_000, "bytes": bytes, "asks_first": true });
        let call = call(MODERN, 2, "effects_of", &arguments);
        let (asking, effects) = self.call(&call).await;
        assert_eq!(effects, 0);
        let answered = answered(&call, &asking["result"], "yes");
        let (refused, effects) = self.call(&answered).await;
        assert_eq!(refused["error"]["code"], -32603, "{refused}");
        effects
    }
}

#[tokio::test]
async fn effects() {
    let (row, share) = (row("effects"), row("share"));
    let row = row.means("of 10,000 calls at most");
    row.says("no further effect starts");
    row.says_refusal(Some(-32603), Some(503));
    share.says("as if the table was full");
    let bytes = 64 << 10;
    // Before an effect starts, there is space for the largest outcome. Each outcome counts some hundred bytes more.
    let largest = super::page::rows()["state"].number();
    let expected =
        |limit: usize| (limit - largest) / (bytes + 1000)..=(limit - largest) / bytes + 1;
    let small = json!({ "count": 1, "bytes": 1, "asks_first": false });
    let small = call(MODERN, 2, "effects_of", &small);
    for (mut caller, limit) in [
        (Caller::streams().await, row.number()),
        (Caller::http().await, row.number() / 8),
    ] {
        let filled = caller.fill(bytes).await;
        assert!(expected(limit).contains(&filled), "{filled}");
        let (reply, effects) = caller.call(&small).await;
        assert_eq!(effects, 0, "no further effect starts");
        assert_eq!(reply["error"]["code"], -32603, "{reply}");
    }
    // The share of one caller, because 10,000 calls take long.
    let mut caller = Caller::http().await;
    for number in 0..=10_000 / 8 {
        let (reply, effects) = caller.call(&small).await;
        let is_kept = number < 10_000 / 8;
        assert_eq!(reply["result"]["requestState"].is_string(), is_kept);
        assert_eq!(effects, usize::from(is_kept), "no further effect starts");
    }
}

/// Opens a session whose client is initialized.
async fn initialized(service: &HttpService, peer: &str) -> String {
    let session = session(service, peer, LEGACY).await;
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let response = post(service, peer, LEGACY, Some(&session), &initialized).await;
    assert_eq!(response.status(), 202);
    session
}

/// Asks up to this many questions in new sessions of a caller. Returns the responses that wait for an answer.
async fn ask(
    service: &HttpService,
    peer: &str,
    count: usize,
) -> Vec<http::Response<mcp_runtime::HttpBody>> {
    let of_session = super::page::rows()["questions-of-session"].number();
    let mut open = Vec::new();
    let mut session = String::new();
    for number in 0..count {
        if number % of_session == 0 {
            session = initialized(service, peer).await;
        }
        let call = call(LEGACY, 2, "ask", &json!({}));
        let response = post(service, peer, LEGACY, Some(&session), &call).await;
        if response.headers()["content-type"] == "application/json" {
            let reply = reply(response).await;
            assert_eq!(reply["result"]["isError"], true, "{reply}");
            let text = reply["result"]["content"][0]["text"].as_str().unwrap();
            assert!(text.contains("too many questions"), "{text}");
            break;
        }
        open.push(response);
    }
    open
}

#[tokio::test(start_paused = true)]
async fn questions_of_a_caller() {
    let row = row("questions-of-caller");
    row.says("tool error");
    let service = service(server()).await;
    let of_one = ask(&service, "192.0.2.1", row.number() + 1).await;
    assert_eq!(of_one.len(), row.number());
    assert_eq!(ask(&service, "192.0.2.1", 1).await.len(), 0);
    assert_eq!(ask(&service, "192.0.2.2", 1).await.len(), 1);
}

/// A connection of a server with several.
struct Channels {
    incoming: Mutex<mpsc::UnboundedReceiver<Value>>,
    outgoing: mpsc::UnboundedSender<Value>,
}

impl Transport for Channels {
    async fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let message = self.incoming.lock().await.recv().await;
        Ok(message.map(|message| message.to_string().into_bytes()))
    }

    async fn send(&self, message: String) -> io::Result<()> {
        let message = serde_json::from_str(&message)?;
        self.outgoing.send(message).map_err(io::Error::other)
    }
}

/// The end of a client, which has a session.
struct Channel {
    to: mpsc::UnboundedSender<Value>,
    from: mpsc::UnboundedReceiver<Value>,
}

impl Channel {
    async fn open(server: &RunningServer) -> Self {
        let ((to, incoming), (outgoing, from)) =
            (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let transport = Channels {
            incoming: Mutex::new(incoming),
            outgoing,
        };
        let server = server.clone();
        tokio::spawn(async move { server.serve(transport).await });
        let mut channel = Self { to, from };
        let params = json!({
            "protocolVersion": LEGACY,
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": "test", "version": "1" },
        });
        let initialize = message(LEGACY, "initialize", params);
        channel.ask(initialize).await;
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        channel.to.send(initialized).unwrap();
        channel
    }

    /// Sends a request. Returns the next message.
    async fn ask(&mut self, request: Value) -> Value {
        self.to.send(request).unwrap();
        self.from.recv().await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn questions_of_all() {
    let row = row("questions");
    row.says("tool error");
    let of_session = super::page::rows()["questions-of-session"].number();
    // Local callers have no share.
    let server = server().start().await.unwrap();
    let mut open = Vec::new();
    for _ in 0..row.number() / of_session {
        let mut channel = Channel::open(&server).await;
        for id in 0..of_session as u64 {
            let asked = channel.ask(call(LEGACY, id, "ask", &json!({}))).await;
            assert_eq!(asked["method"], "elicitation/create", "{asked}");
        }
        open.push(channel);
    }
    let mut late = Channel::open(&server).await;
    let refused = late.ask(call(LEGACY, 2, "ask", &json!({}))).await;
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    drop(open.pop());
    // The end of a connection ends its questions: the paused clock advances when the server has noticed it.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let asked = late.ask(call(LEGACY, 3, "ask", &json!({}))).await;
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
}
