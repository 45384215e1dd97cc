//! Every kind of call, in every era, over every transport: it passes a layer exactly once, and the layer can refuse, replace,
//! time and break it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mcp_runtime::prelude::*;
use mcp_runtime::{CallKind, CallOutcome, Completion, LayeredCall, Next, OutcomeKind, Revision};
use serde_json::{Value, json};

use super::peer::{ERAS, Peer, TRANSPORTS, Transport};

/// Say a word.
#[tool]
async fn say(word: String) -> String {
    format!("said {word}")
}

/// A page.
#[resource("data://page")]
async fn page() -> &'static str {
    "the page"
}

/// A page of a book.
#[resource("book://{number}")]
async fn book_page(number: u32) -> String {
    format!("page {number}")
}

fn colors(_: Completion) -> Vec<&'static str> {
    vec!["red"]
}

/// Describe a color.
#[prompt]
async fn describe(#[arg(complete = colors)] color: String) -> String {
    format!("describe {color}")
}

/// A call: its kind and name, as layers see them, its arguments, its request, and a part of its result.
struct Case {
    kind: CallKind,
    name: &'static str,
    arguments: Value,
    method: &'static str,
    params: Value,
    result: &'static str,
}

fn list(method: &'static str, result: &'static str) -> Case {
    Case {
        kind: CallKind::List,
        name: method,
        arguments: json!({}),
        method,
        params: json!({}),
        result,
    }
}

fn cases() -> Vec<Case> {
    let case = |kind, name, arguments: Value, method, params: Value, result| Case {
        kind,
        name,
        arguments,
        method,
        params,
        result,
    };
    let read = "resources/read";
    vec![
        case(
            CallKind::Tool,
            "say",
            json!({ "word": "hi" }),
            "tools/call",
            json!({ "name": "say", "arguments": { "word": "hi" } }),
            "said hi",
        ),
        case(
            CallKind::Resource,
            "data://page",
            json!({}),
            read,
            json!({ "uri": "data://page" }),
            "the page",
        ),
        case(
            CallKind::Resource,
            "book://{number}",
            json!({ "number": "7" }),
            read,
            json!({ "uri": "book://7" }),
            "page 7",
        ),
        case(
            CallKind::Prompt,
            "describe",
            json!({ "color": "red" }),
            "prompts/get",
            json!({ "name": "describe", "arguments": { "color": "red" } }),
            "describe red",
        ),
        case(
            CallKind::Complete,
            "describe",
            json!({ "color": "r" }),
            "completion/complete",
            json!({
                "ref": { "type": "ref/prompt", "name": "describe" },
                "argument": { "name": "color", "value": "r" },
            }),
            "\"red\"",
        ),
        // An argument without completions.
        case(
            CallKind::Complete,
            "book://{number}",
            json!({ "number": "" }),
            "completion/complete",
            json!({
                "ref": { "type": "ref/resource", "uri": "book://{number}" },
                "argument": { "name": "number", "value": "" },
            }),
            "\"values\":[]",
        ),
        list("tools/list", "\"say\""),
        list("resources/list", "data://page"),
        list("resources/templates/list", "book://{number}"),
        list("prompts/list", "\"describe\""),
    ]
}

/// What the layer does with a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Pass,
    Refuse,
    Replace,
    Panic,
    /// Run the call, but give up before it ends.
    Forget,
}

/// What the layer saw.
#[derive(Debug)]
struct Seen {
    kind: CallKind,
    name: String,
    uri: Option<String>,
    arguments: Value,
    revision: Revision,
    outcome: OutcomeKind,
    took: Duration,
}

type Log = Arc<Mutex<Vec<Seen>>>;

fn server(mode: Mode, log: &Log) -> Server {
    let log = Arc::clone(log);
    Server::new("table", "1")
        .with(components![say, page, book_page, describe])
        .mask_errors()
        .layer(move |call: LayeredCall, next: Next| {
            let log = Arc::clone(&log);
            async move {
                let begin = Instant::now();
                let outcome = serve(mode, &call, &next).await;
                log.lock().unwrap().push(Seen {
                    kind: call.kind(),
                    name: call.name().to_owned(),
                    uri: call.uri().map(str::to_owned),
                    arguments: call.arguments().clone(),
                    revision: call.context().revision(),
                    outcome: outcome.kind(),
                    took: begin.elapsed(),
                });
                outcome
            }
        })
}

async fn serve(mode: Mode, call: &LayeredCall, next: &Next) -> CallOutcome {
    match mode {
        Mode::Pass => next.run().await,
        Mode::Refuse => {
            drop(next.run());
            call.refuse(ToolError::new("not today"))
        }
        Mode::Replace => replace(call),
        Mode::Panic => panic!("a secret of a layer"),
        Mode::Forget => {
            let mut running = next.run();
            let waker = std::task::Waker::noop();
            let mut task = std::task::Context::from_waker(waker);
            let _ = running.as_mut().poll(&mut task);
            drop(running);
            call.refuse(std::io::Error::other("a secret of a layer"))
        }
    }
}

fn replace(call: &LayeredCall) -> CallOutcome {
    match call.kind() {
        CallKind::Tool => call.tool_result("replaced"),
        CallKind::Resource => call.contents("replaced"),
        CallKind::Prompt => call.messages("replaced"),
        CallKind::Complete => call.completions(vec!["replaced"]),
        _ => call.list(vec![match call.name() {
            "tools/list" => json!({ "name": "replaced", "inputSchema": { "type": "object" } }),
            "resources/list" => json!({ "name": "replaced", "uri": "data://replaced" }),
            "prompts/list" => json!({ "name": "replaced" }),
            _ => json!({ "name": "replaced", "uriTemplate": "data://{replaced}" }),
        }]),
    }
}

/// Checks the reply, and returns the outcome that the layer must see.
fn check(mode: Mode, case: &Case, reply: &Value) -> Option<OutcomeKind> {
    let text = reply.to_string();
    let is_tool = case.kind == CallKind::Tool;
    let error = &reply["error"];
    match mode {
        Mode::Pass => {
            assert!(text.contains(case.result), "{text}");
            Some(OutcomeKind::Ok)
        }
        Mode::Replace => {
            assert!(text.contains("replaced") && error.is_null(), "{text}");
            assert!(!text.contains(case.result), "{text}");
            Some(OutcomeKind::Ok)
        }
        Mode::Refuse | Mode::Forget if is_tool => {
            assert_eq!(reply["result"]["isError"], true, "{text}");
            Some(OutcomeKind::ToolError)
        }
        Mode::Refuse => {
            assert_eq!(error["code"], -32603, "{text}");
            assert_eq!(error["message"], "not today", "{text}");
            Some(OutcomeKind::ProtocolError)
        }
        Mode::Forget => {
            assert_eq!(error["code"], -32603, "{text}");
            Some(OutcomeKind::ProtocolError)
        }
        Mode::Panic => {
            assert_eq!(error["code"], -32603, "{text}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("(reference "), "{text}");
            None
        }
    }
}

async fn every_case(mode: Mode, transport: Transport, era: Revision) {
    let log = Log::default();
    let peer = Peer::connect(server(mode, &log), transport, era).await;
    for case in cases() {
        let reply = peer.ask(case.method, case.params.clone()).await;
        assert!(!reply.to_string().contains("secret"), "{reply}");
        let expected = check(mode, &case, &reply);
        let seen: Vec<Seen> = log.lock().unwrap().drain(..).collect();
        let what = format!("{mode:?} {transport:?} {era:?} {}: {seen:?}", case.name);
        let Some(expected) = expected else {
            assert!(seen.is_empty(), "{what}");
            continue;
        };
        assert_eq!(seen.len(), 1, "{what}");
        let seen = &seen[0];
        assert_eq!((seen.kind, &*seen.name), (case.kind, case.name), "{what}");
        assert_eq!(seen.arguments, case.arguments, "{what}");
        let uri = case.params["uri"].as_str();
        assert_eq!(seen.uri.as_deref(), uri, "{what}");
        assert_eq!((seen.revision, seen.outcome), (era, expected), "{what}");
        assert!(seen.took < Duration::from_secs(5), "{what}");
    }
}

#[tokio::test]
async fn every_kind_of_call_passes_a_layer_once() {
    for mode in [
        Mode::Pass,
        Mode::Refuse,
        Mode::Replace,
        Mode::Panic,
        Mode::Forget,
    ] {
        for transport in TRANSPORTS {
            for era in ERAS {
                every_case(mode, transport, era).await;
            }
        }
    }
}

#[tokio::test]
async fn requests_that_are_no_calls_pass_no_layer() {
    for transport in TRANSPORTS {
        for era in ERAS {
            let log = Log::default();
            let peer = Peer::connect(server(Mode::Pass, &log), transport, era).await;
            let is_modern = era == Revision::V2026_07_28;
            let method = if is_modern { "server/discover" } else { "ping" };
            let reply = peer.ask(method, json!({})).await;
            assert!(reply["result"].is_object(), "{reply}");
            for (method, params) in [
                ("tools/call", json!({ "name": "unknown" })),
                ("resources/read", json!({ "uri": "data://unknown" })),
                ("prompts/get", json!({ "name": "unknown" })),
                ("tools/list", json!({ "cursor": "unknown" })),
            ] {
                let reply = peer.ask(method, params).await;
                assert!(reply["error"].is_object(), "{reply}");
            }
            assert!(log.lock().unwrap().is_empty(), "{transport:?} {era:?}");
        }
    }
}

#[tokio::test]
async fn a_result_of_another_kind_is_an_error() {
    for era in ERAS {
        let server = server(Mode::Pass, &Log::default());
        let server = server.layer(|call: LayeredCall, _: Next| async move {
            match call.kind() {
                CallKind::Tool => call.messages("wrong"),
                CallKind::List => call.contents("wrong"),
                _ => call.list(Vec::new()),
            }
        });
        let peer = Peer::connect(server, Transport::Memory, era).await;
        for case in cases() {
            let reply = peer.ask(case.method, case.params).await;
            assert_eq!(reply["error"]["code"], -32603, "{}: {reply}", case.name);
        }
    }
}

/// Read some text and data.
#[tool]
async fn mixed() -> Json<Vec<String>> {
    Json(vec!["secret".to_owned()])
}

#[tokio::test]
async fn texts_and_data_of_results_can_be_changed() {
    for era in ERAS {
        let server = Server::new("redact", "1")
            .with(components![mixed, say, page, describe])
            .layer(|_: LayeredCall, next: Next| async move {
                let mut outcome = next.run().await;
                let count = outcome.texts().count();
                outcome.change_texts(|text| *text = format!("{count} {}", text.to_uppercase()));
                if let Some(value) = outcome.structured() {
                    let redacted = value.to_string().replace("secret", "***");
                    outcome.set_structured(&serde_json::from_str(&redacted).unwrap());
                }
                outcome
            });
        let peer = Peer::connect(server, Transport::Memory, era).await;
        let reply = peer.call("mixed", json!({})).await;
        assert_eq!(reply["result"]["content"][0]["text"], "1 [\"SECRET\"]");
        assert_eq!(reply["result"]["structuredContent"]["result"][0], "***");
        for (index, text) in [(0, "1 SAID HI"), (1, "1 THE PAGE"), (3, "1 DESCRIBE RED")] {
            let case = &cases()[index];
            let reply = peer.ask(case.method, case.params.clone()).await;
            assert!(reply.to_string().contains(text), "{reply}");
        }
    }
}
