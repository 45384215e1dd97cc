//! `tracing` events of handlers in a program with its own subscriber.

use std::sync::{Arc, Mutex};

use mcp_runtime::prelude::*;
use mcp_runtime::{Tool, forward_logs};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt as _};

/// The records of the program's own subscriber: events up to info, and the lifecycle of spans.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Message(String);

impl tracing::field::Visit for Message {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: LayerContext<'_, S>) {
        self.note(format!("new {}", span.metadata().name()));
    }

    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.note(message.0);
    }

    fn on_enter(&self, _: &Id, _: LayerContext<'_, S>) {
        self.note("enter".to_owned());
    }

    fn on_exit(&self, _: &Id, _: LayerContext<'_, S>) {
        self.note("exit".to_owned());
    }

    fn on_close(&self, _: Id, _: LayerContext<'_, S>) {
        self.note("close".to_owned());
    }
}

/// A subscriber of the program: the recorder with its own filter, beside the layer that forwards events.
fn subscriber(recorder: Recorder) -> impl Subscriber + Send + Sync {
    let filter = Targets::new().with_target("wire", Level::INFO);
    tracing_subscriber::registry()
        .with(recorder.with_filter(filter))
        .with(forward_logs())
}

fn server() -> Server {
    let schema = json!({ "type": "object" });
    let tool = Tool::new("tool", schema, |_: Value, _: Context| async {
        for round in 0..2 {
            tracing::info!(round, "for both");
            tracing::debug!(round, "for the client");
        }
        tracing::info!(target: "wires", "for the program");
        tracing::trace_span!("hidden").in_scope(|| tracing::info_span!("shown").in_scope(|| ()));
    });
    Server::new("server", "1")
        .forward_logs_of(["wire"])
        .with(tool)
}

/// The records of the program and the messages of the client, for a call with this log level.
fn call(level: Option<&str>) -> (Vec<String>, Vec<String>) {
    let recorder = Recorder::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let client = runtime.block_on(async { server().connect().await });
    let meta = level.map_or_else(
        || json!({}),
        |level| json!({ "io.modelcontextprotocol/logLevel": level }),
    );
    let params = json!({ "name": "tool", "_meta": meta });
    with_default(subscriber(recorder.clone()), || {
        tracing::info!("around it");
        runtime
            .block_on(client.request("tools/call", params))
            .unwrap();
    });
    let sent = client.take_notifications();
    let message = |one: &Value| {
        one["params"]["data"]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    (recorder.take(), sent.iter().map(message).collect())
}

/// Keeps warnings of the runtime itself, by the handler that they name.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

struct Handler(Option<String>);

impl tracing::field::Visit for Handler {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        if field.name() == "handler" {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut handler = Handler(None);
        event.record(&mut handler);
        self.0.lock().unwrap().extend(handler.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn a_handler_that_blocks_its_thread_is_named() {
    let schema = json!({ "type": "object" });
    let tool = |name: &str, milliseconds| {
        Tool::new(
            name,
            schema.clone(),
            move |_: Value, _: Context| async move {
                std::thread::sleep(std::time::Duration::from_millis(milliseconds));
            },
        )
    };
    let server = Server::new("server", "1")
        .with(tool("quick", 10))
        .with(tool("slow", 150));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let client = runtime.block_on(async { server.connect().await });
    let warnings = Warnings::default();
    with_default(warnings.clone(), || {
        for name in ["quick", "slow"] {
            runtime.block_on(client.call(name, json!({}))).unwrap();
        }
    });
    assert_eq!(*warnings.0.lock().unwrap(), ["slow"]);
}

#[test]
fn the_program_and_the_client_get_each_event_once() {
    let (program, client) = call(Some("debug"));
    let both = ["for both", "for both"];
    let spans = ["new shown", "enter", "exit", "close"];
    let program: Vec<_> = program.iter().map(String::as_str).collect();
    assert_eq!(
        program,
        [&["around it"][..], &both, &["for the program"], &spans].concat()
    );
    let round = ["for both", "for the client"];
    assert_eq!(client, [round, round].concat());
}

#[test]
fn the_program_gets_its_events_whatever_the_client_wants() {
    for level in [None, Some("emergency")] {
        let (program, client) = call(level);
        let expected = [
            "around it",
            "for both",
            "for both",
            "for the program",
            "new shown",
            "enter",
            "exit",
            "close",
        ];
        assert_eq!(program, expected);
        assert_eq!(client, [] as [&str; 0]);
    }
}

/// All events of all sources, with all their fields.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

impl tracing::field::Visit for &Everything {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write as _;
        let _ = write!(self.0.lock().unwrap(), "{}={value:?} ", field.name());
    }
}

impl<S: Subscriber> Layer<S> for Everything {
    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: LayerContext<'_, S>) {
        span.record(&mut &*self);
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: LayerContext<'_, S>) {
        values.record(&mut &*self);
    }

    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        event.record(&mut &*self);
        self.0.lock().unwrap().push('\n');
    }
}

/// Serves the fixture over HTTP in this thread while `client` sends requests, and returns all that was logged.
fn logged(client: impl FnOnce(&str) + Send + 'static) -> String {
    let everything = Everything::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(everything.clone())
        .with(forward_logs());
    with_default(subscriber, || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let serving = tokio::spawn(mcp_tests::fixture::server().serve_listener(listener));
            let asking = tokio::task::spawn_blocking(move || client(&address));
            asking.await.unwrap();
            serving.abort();
        });
    });
    std::mem::take(&mut everything.0.lock().unwrap())
}

#[test]
fn no_secret_of_a_request_is_logged_or_told() {
    const CANARY: &str = "canary-4711";
    let text = logged(|address| {
        let meta =
            json!({ "io.modelcontextprotocol/logLevel": "debug", "com.example/token": CANARY });
        let call = |tool: &str, arguments: Value| {
            let mut params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
            crate::connection::describe(&mut params);
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
        };
        let secret = json!({ "text": CANARY });
        let messages = [
            call("echo_owned", secret.clone()),
            call("events", json!({})),
            call("panics", json!({})),
            call("fails", secret.clone()),
            call("fails", json!({})),
            call("report", json!({ "report": { "title": CANARY } })),
            call("no_such_tool", secret),
        ];
        for message in messages {
            for wrong in [
                ("X-Fine", "yes"),
                ("Mcp-Method", "other"),
                ("Origin", "http://evil.test"),
            ] {
                let mut headers =
                    crate::connection::headers(crate::connection::MODERN, None, &message);
                headers.retain(|(name, _)| *name != wrong.0);
                let mut headers: Vec<_> = headers.iter().map(|(a, b)| (&**a, &**b)).collect();
                headers.extend([
                    wrong,
                    ("Authorization", CANARY),
                    ("Cookie", CANARY),
                    ("Mcp-Session-Id", CANARY),
                ]);
                let body = message.to_string();
                let answer =
                    crate::http::request(address, "POST", "/mcp", &headers, body.as_bytes());
                for told in answer.messages() {
                    let tool = &message["params"]["name"];
                    // Only a tool may return its own argument.
                    let echo = tool == "echo_owned" && told.get("result").is_some();
                    assert!(echo || !told.to_string().contains(CANARY), "{tool}: {told}");
                }
            }
        }
        // An unknown session id, and a body that is not a message.
        for body in [
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            "{canary-4711",
        ] {
            let headers = [
                ("Content-Type", "application/json"),
                ("Mcp-Session-Id", CANARY),
            ];
            let answer = crate::http::request(address, "POST", "/mcp", &headers, body.as_bytes());
            assert!(
                answer.status >= 400 && !answer.body.contains(CANARY),
                "{answer:?}"
            );
        }
    });
    assert!(
        text.contains("a handler panicked"),
        "nothing is logged: {text}"
    );
    assert!(!text.contains(CANARY), "{text}");
}

#[test]
fn why_a_client_cancels_is_logged() {
    let text = logged(|address| {
        let mut params = json!({ "requestId": 12, "reason": "it took too long" });
        crate::connection::describe(&mut params);
        let message =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
        let headers = crate::connection::headers(crate::connection::MODERN, None, &message);
        let headers: Vec<_> = headers.iter().map(|(a, b)| (&**a, &**b)).collect();
        let body = message.to_string();
        let answer = crate::http::request(address, "POST", "/mcp", &headers, body.as_bytes());
        assert_eq!(answer.status, 202);
    });
    assert!(text.contains("reason=\"it took too long\""), "{text}");
    assert!(text.contains("request=12"), "{text}");
}

#[test]
fn a_client_that_wants_less_gets_less() {
    let (_, client) = call(Some("info"));
    assert!(client.contains(&"for both".to_owned()));
    assert!(!client.contains(&"for the client".to_owned()));
}
