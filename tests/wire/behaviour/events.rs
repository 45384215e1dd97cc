//! `tracing` events inside of handlers, where the program has a subscriber of its own.

use std::sync::{Arc, Mutex};

use mcp_runtime::prelude::*;
use mcp_runtime::{ForwardLogs, Tool};
use serde_json::{Value, json};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Level, Metadata, Subscriber};

/// What the program's own subscriber got: events up to info, and what happened to spans.
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

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("wire")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(format!("new {}", span.metadata().name()));
        Id::from_u64(7)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.note(message.0);
    }

    fn enter(&self, span: &Id) {
        self.note(format!("enter {}", span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        self.note(format!("exit {}", span.into_u64()));
    }

    fn try_close(&self, span: Id) -> bool {
        self.note(format!("close {}", span.into_u64()));
        true
    }
}

/// Logs while its value is found out.
fn nested() -> u8 {
    tracing::info!("nested for both");
    tracing::debug!("nested for the client");
    1
}

fn server() -> Server {
    let schema = json!({ "type": "object" });
    let tool = Tool::new("tool", schema, |_: Value, _: Context| async {
        for round in 0..2 {
            tracing::info!(round, "for both");
            tracing::debug!(nested = nested(), "for the client");
        }
        tracing::info!(target: "wires", "for the program");
        tracing::trace_span!("hidden").in_scope(|| tracing::info_span!("shown").in_scope(|| ()));
    });
    Server::new("server", "1")
        .forward_logs_of(["wire"])
        .with(tool)
}

/// What the program and the client got of a call with this log level.
fn call(level: Option<&str>) -> (Vec<String>, Vec<String>) {
    let recorder = Recorder::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let client = runtime.block_on(async { server().client().await });
    let meta = level.map_or_else(
        || json!({}),
        |level| json!({ "io.modelcontextprotocol/logLevel": level }),
    );
    let params = json!({ "name": "tool", "_meta": meta });
    with_default(ForwardLogs::new(recorder.clone()), || {
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

#[test]
fn the_program_and_the_client_get_each_event_once() {
    let (program, client) = call(Some("debug"));
    let both = ["for both", "nested for both", "for both", "nested for both"];
    let spans = ["new shown", "enter 7", "exit 7", "close 7"];
    let program: Vec<_> = program.iter().map(String::as_str).collect();
    assert_eq!(
        program,
        [&["around it"][..], &both, &["for the program"], &spans].concat()
    );
    let round = [
        "for both",
        "nested for both",
        "nested for the client",
        "for the client",
    ];
    assert_eq!(client, [round, round].concat());
}

#[test]
fn the_program_gets_its_events_whatever_the_client_wants() {
    for level in [None, Some("emergency")] {
        let (program, client) = call(level);
        // The values of an event that nobody wants are not even found out.
        let expected = [
            "around it",
            "for both",
            "for both",
            "for the program",
            "new shown",
            "enter 7",
            "exit 7",
            "close 7",
        ];
        assert_eq!(program, expected);
        assert_eq!(client, [] as [&str; 0]);
    }
}

#[test]
fn a_client_that_wants_less_gets_less() {
    let (_, client) = call(Some("info"));
    assert!(client.contains(&"for both".to_owned()));
    assert!(!client.contains(&"for the client".to_owned()));
}
