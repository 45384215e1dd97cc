//! Calls that run again: by the layer `Retry`, and by layers of users.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{CallOutcome, Completion, LayeredCall, Limits, Next, Retry};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines};
use tokio::io::{ReadHalf, WriteHalf, duplex, split};
use tokio::time::Instant;

use super::peer::{ERAS, Peer, TRANSPORTS, Transport};

/// The number of runs, by handler.
#[derive(Default)]
struct Runs(Mutex<HashMap<&'static str, u32>>);

impl Runs {
    /// Counts a run. Returns an error in the first two runs.
    fn count(&self, handler: &'static str) -> Result<u32, std::io::Error> {
        let mut runs = self.0.lock().unwrap();
        let run = runs.entry(handler).or_default();
        *run += 1;
        if *run > 2 {
            Ok(*run)
        } else {
            Err(std::io::Error::other(format!("run {run} failed")))
        }
    }
}

/// Read something, at the third attempt.
#[tool(read_only)]
async fn read_only(
    texts: Vec<String>,
    runs: State<Runs>,
    context: Context,
) -> Result<String, ToolError> {
    // The first run has progressed further than the second.
    let run = runs.count("read_only");
    let steps = if run.is_ok() { 4 } else { 3 };
    for step in 1..=steps {
        context.progress(f64::from(step), None, None);
    }
    assert!(!context.cancel().is_cancelled());
    Ok(format!("{} in run {}", texts.join("+"), run?))
}

/// Set something, at the third attempt, on a thread.
#[tool(idempotent)]
fn idempotent(runs: State<Runs>) -> Result<String, ToolError> {
    Ok(format!("run {}", runs.count("idempotent")?))
}

/// Add something: never twice.
#[tool]
async fn adding(runs: State<Runs>) -> Result<String, ToolError> {
    Ok(format!("run {}", runs.count("adding")?))
}

/// Hang, except at the third attempt.
#[tool(idempotent, timeout = Duration::from_millis(20))]
async fn hanging(runs: State<Runs>, cancel: Cancel) -> String {
    let run = runs.count("hanging");
    assert!(!cancel.is_cancelled(), "the cancellation of the last run");
    match run {
        Ok(run) => format!("run {run}"),
        Err(_) => std::future::pending().await,
    }
}

/// Work on a thread until the call is cancelled.
#[tool(idempotent, timeout = Duration::from_millis(20))]
fn stuck(runs: State<Arc<Runs>>, context: Context) {
    let _ = runs.count("stuck");
    while !context.cancel().is_cancelled() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = runs.count("stopped");
}

/// Data, at the third attempt.
#[resource("runs://{name}", list = listed)]
async fn data(
    #[arg(complete = completed)] name: String,
    runs: State<Runs>,
) -> Result<String, ToolError> {
    Ok(format!("{name} in run {}", runs.count("data")?))
}

/// A prompt, at the third attempt.
#[prompt]
async fn text(name: String, runs: State<Runs>) -> Result<String, ToolError> {
    Ok(format!("{name} in run {}", runs.count("text")?))
}

async fn completed(completion: Completion, runs: State<Runs>) -> Result<Vec<String>, ToolError> {
    let run = runs.count("completed")?;
    Ok(vec![format!("{} in run {run}", completion.value())])
}

async fn listed(runs: State<Runs>) -> Result<Vec<ResourceLink>, ToolError> {
    let run = runs.count("listed")?;
    Ok(vec![ResourceLink::new(format!("runs://{run}"), "run 3")])
}

fn server() -> Server {
    Server::new("retries", "1")
        .state(Runs::default())
        .with(components![
            read_only, idempotent, adding, hanging, data, text
        ])
}

#[tokio::test]
async fn a_thread_that_still_runs_sees_its_cancellation_and_no_second_run() {
    for era in ERAS {
        let counted = Arc::new(Runs::default());
        let server = Server::new("retries", "1").with(components![stuck]);
        let server = server.state(Arc::clone(&counted)).layer(quick());
        let peer = Peer::connect(server, Transport::Memory, era).await;
        let reply = peer.call("stuck", json!({})).await;
        assert_eq!(reply["result"]["isError"], true, "{reply}");
        let runs = || counted.0.lock().unwrap().clone();
        while !runs().contains_key("stopped") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!((runs()["stuck"], runs()["stopped"]), (1, 1), "{era:?}");
    }
}

fn quick() -> Retry {
    Retry::new(2).delay(Duration::from_millis(1))
}

#[tokio::test]
async fn failed_calls_run_again_with_their_arguments() {
    let tool = |name: &str, arguments: Value| {
        (
            "tools/call",
            json!({ "name": name, "arguments": arguments, "_meta": { "progressToken": 7 } }),
        )
    };
    for transport in TRANSPORTS {
        for era in ERAS {
            let peer = Peer::connect(server().layer(quick()), transport, era).await;
            for ((method, params), expected) in [
                (
                    tool("read_only", json!({ "texts": ["a", "b"] })),
                    "a+b in run 3",
                ),
                (tool("idempotent", json!({})), "run 3"),
                (tool("hanging", json!({})), "run 3"),
                (tool("adding", json!({})), "run 1 failed"),
                (
                    ("resources/read", json!({ "uri": "runs://it" })),
                    "it in run 3",
                ),
                (
                    (
                        "prompts/get",
                        json!({ "name": "text", "arguments": { "name": "it" } }),
                    ),
                    "it in run 3",
                ),
                (
                    (
                        "completion/complete",
                        json!({
                            "ref": { "type": "ref/resource", "uri": "runs://{name}" },
                            "argument": { "name": "name", "value": "v" },
                        }),
                    ),
                    "v in run 3",
                ),
                (("resources/list", json!({})), "runs://3"),
            ] {
                let answer = peer.request(method, params.clone()).await;
                let what = format!("{transport:?} {era:?} {params}: {answer:?}");
                assert!(answer.reply.to_string().contains(expected), "{what}");
                let values: Vec<f64> = answer
                    .notifications
                    .iter()
                    .filter_map(|it| it["params"]["progress"].as_f64())
                    .collect();
                let is_progressing = params["name"] == "read_only";
                let steps = if is_progressing { 4 } else { 0 };
                // Progress neither stops with the first run nor goes backwards.
                assert_eq!(values.len(), steps, "{what}");
                assert!(values.is_sorted(), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_that_waits_for_its_next_run_counts_as_running() {
    for era in ERAS {
        let mut limits = Limits::default();
        limits.requests = 1;
        let server = server().limits(limits);
        let server = server.layer(Retry::new(2).delay(Duration::from_millis(50)));
        let client = server.connect().revision(era).await;
        let other = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            client.call("adding", json!({})).await
        };
        let (reply, other) = tokio::join!(client.call("idempotent", json!({})), other);
        assert_eq!(reply.unwrap().text(), "run 3");
        assert!(other.is_err(), "{other:?}");
        assert!(client.call("adding", json!({})).await.is_ok());
    }
}

#[tokio::test]
async fn refused_arguments_and_chosen_errors_are_not_repeated() {
    for era in ERAS {
        let server = server().layer(quick().when(|outcome| {
            let error = outcome.error().unwrap_or_default();
            !error.contains("run 2")
        }));
        let peer = Peer::connect(server, Transport::Memory, era).await;
        let reply = peer.call("read_only", json!({ "texts": 5 })).await;
        assert!(reply.to_string().contains("Invalid arguments"), "{reply}");
        // The first run is repeated, and the second is not.
        let reply = peer.call("idempotent", json!({})).await;
        assert!(reply.to_string().contains("run 2 failed"), "{reply}");
        let reply = peer.call("idempotent", json!({})).await;
        assert!(reply.to_string().contains("run 3"), "{reply}");
    }
}

/// A form.
#[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Answer {
    text: String,
}

/// Ask, and fail.
#[tool(idempotent)]
async fn ask(context: Context, runs: State<Runs>) -> Result<String, ToolError> {
    let Answer { text } = context.elicit("Who?").await?;
    Ok(format!("{text} in run {}", runs.count("ask")?))
}

async fn twice(_: LayeredCall, next: Next) -> CallOutcome {
    let first = next.run().await;
    if first.is_error() {
        next.run().await
    } else {
        first
    }
}

#[tokio::test]
async fn a_call_that_has_asked_is_not_repeated_but_a_layer_of_the_user_may() {
    for era in ERAS {
        for (is_retry, expected) in [(true, "run 1 failed"), (false, "run 2 failed")] {
            let server = Server::new("ask", "1").state(Runs::default());
            let server = server.with(components![ask]);
            let server = if is_retry {
                server.layer(quick())
            } else {
                server.layer(twice)
            };
            let answer = |_: &Value| json!({ "action": "accept", "content": { "text": "me" } });
            let client = server.connect().revision(era).answer_with(answer).await;
            let reply = client.call("ask", json!({})).await.unwrap();
            assert_eq!(reply.text(), expected, "{era:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_delay_doubles_and_has_some_jitter() {
    for era in ERAS {
        let server = server().layer(Retry::new(2).delay(Duration::from_secs(10)));
        let peer = Peer::connect(server, Transport::Memory, era).await;
        let begin = Instant::now();
        peer.ask("resources/read", json!({ "uri": "runs://it" }))
            .await;
        let took = begin.elapsed().as_secs_f64();
        assert!((30.0..=45.1).contains(&took), "{took}");
    }
}

/// Block until the call is cancelled, and fail. Later runs succeed.
#[tool]
async fn spin(runs: State<Runs>, cancel: Cancel) -> Result<String, ToolError> {
    let run = *runs
        .0
        .lock()
        .unwrap()
        .entry("spin")
        .and_modify(|it| *it += 1)
        .or_insert(1);
    if run > 1 {
        return Ok(format!("run {run}"));
    }
    // The first poll is on the task that reads messages.
    tokio::task::yield_now().await;
    let begin = std::time::Instant::now();
    while !cancel.is_cancelled() {
        assert!(begin.elapsed() < Duration::from_secs(10), "not cancelled");
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(ToolError::new("cancelled"))
}

/// A client over streams, which cancels calls.
struct Canceller {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
}

impl Canceller {
    fn of(server: Server) -> Self {
        let (ours, theirs) = duplex(1 << 20);
        let (reader, writer) = split(theirs);
        tokio::spawn(server.serve_streams(reader, writer));
        let (reader, writer) = split(ours);
        let lines = BufReader::new(reader).lines();
        Self { lines, writer }
    }

    async fn send(&mut self, id: Option<u32>, method: &str, mut params: Value) {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        if let Some(id) = id {
            message["id"] = id.into();
        }
        let line = format!("{message}\n");
        self.writer.write_all(line.as_bytes()).await.unwrap();
    }

    /// Calls a tool and cancels the call. Then calls it again, until it succeeds, and returns the text of that call.
    async fn cancel_and_call(mut self, tool: &str) -> String {
        let call = json!({ "name": tool, "arguments": {} });
        self.send(Some(1), "tools/call", call.clone()).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let cancelled = json!({ "requestId": 1 });
        self.send(None, "notifications/cancelled", cancelled).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.send(Some(2), "tools/call", call).await;
        let reply = self.lines.next_line().await.unwrap().unwrap();
        let mut reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(reply["id"], 2, "the cancelled call has no reply: {reply}");
        let text = reply["result"]["content"][0]["text"].take();
        text.as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_call_does_not_run_again() {
    // One run of the cancelled call has failed, so that the second run of the other call succeeds.
    let retry = Retry::new(1).delay(Duration::from_millis(100));
    let text = Canceller::of(server().layer(retry))
        .cancel_and_call("idempotent")
        .await;
    assert_eq!(text, "run 3");
    // A run that starts at once is refused.
    let server = server().with(components![spin]);
    let text = Canceller::of(server.layer(twice))
        .cancel_and_call("spin")
        .await;
    assert_eq!(text, "run 2");
}
