//! The layer `LogCalls`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::LogCalls;
use mcp_runtime::prelude::*;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context as Scope, Layer, SubscriberExt as _};

use super::peer::{ERAS, Peer, Transport};

/// Say a word.
#[tool]
async fn say(word: String) -> String {
    word
}

/// Fail.
#[tool]
async fn fail() -> Result<(), ToolError> {
    Err(ToolError::new("secret"))
}

/// Wait for a while.
#[tool]
async fn wait() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}

fn server(layer: LogCalls) -> Server {
    Server::new("logs", "1")
        .with(components![say, fail, wait])
        .layer(layer)
}

/// The fields of the events of the layer.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Fields>>>);

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}").replace('"', "");
        self.0.insert(field.name(), value);
    }
}

impl<S: tracing::Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &tracing::Event<'_>, _: Scope<'_, S>) {
        if event.metadata().target().ends_with("log_calls") {
            let mut fields = Fields::default();
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields);
        }
    }
}

impl Events {
    /// Returns the fields of each event, except its duration and its message.
    fn take(&self) -> Vec<String> {
        let events = std::mem::take(&mut *self.0.lock().unwrap());
        let line = |event: Fields| {
            assert!(event.0["duration_ms"].parse::<f64>().unwrap() >= 0.0);
            let fields = event.0.into_iter();
            let fields = fields.filter(|(name, _)| !["duration_ms", "message"].contains(name));
            let fields: Vec<String> = fields.map(|(name, it)| format!("{name}={it}")).collect();
            fields.join(" ")
        };
        events.into_iter().map(line).collect()
    }
}

#[tokio::test]
async fn each_call_is_logged_without_its_arguments_and_results() {
    let events = Events::default();
    let subscriber = tracing_subscriber::registry().with(events.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    for era in ERAS {
        let service = server(LogCalls::new()).into_service().await.unwrap();
        let peer = Peer::over(&service, era, Some("ada")).await;
        peer.call("say", json!({ "word": "secret" })).await;
        peer.call("fail", json!({})).await;
        peer.ask("tools/list", json!({})).await;
        let cancelled = peer.call("wait", json!({}));
        let late = tokio::time::timeout(Duration::from_millis(10), cancelled).await;
        assert!(late.is_err());
        let mut expected = vec![
            "component=say method=tools/call outcome=ok principal=ada",
            "component=fail method=tools/call outcome=tool_error principal=ada",
            "method=tools/list outcome=ok principal=ada",
        ];
        // The call of a session continues when its connection ends.
        if era == ERAS[1] {
            expected.push("component=wait method=tools/call outcome=cancelled principal=ada");
        }
        assert_eq!(events.take(), expected, "{era:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        events.take();
    }
}

#[tokio::test]
async fn only_slow_calls_are_logged_if_there_is_a_threshold() {
    let events = Events::default();
    let subscriber = tracing_subscriber::registry().with(events.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    for era in ERAS {
        let slow = LogCalls::new().slower_than(Duration::from_millis(40));
        let peer = Peer::connect(server(slow), Transport::Memory, era).await;
        peer.call("say", json!({ "word": "a" })).await;
        peer.call("wait", json!({})).await;
        let expected = ["component=wait method=tools/call outcome=ok"];
        assert_eq!(events.take(), expected, "{era:?}");
    }
}
