//! A layer that keeps events with their fields as JSON.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// The target of the event of a request.
pub(crate) const REQUEST: &str = "mcp_runtime::request";

/// The events of one target.
#[derive(Debug, Clone)]
pub(crate) struct Captured {
    target: &'static str,
    events: Arc<Mutex<Vec<Map<String, Value>>>>,
}

impl Captured {
    pub(crate) fn of(target: &'static str) -> Self {
        Self {
            target,
            events: Arc::default(),
        }
    }

    pub(crate) fn take(&self) -> Vec<Map<String, Value>> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    pub(crate) fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        tracing_subscriber::registry().with(self.clone())
    }
}

impl<S: Subscriber> Layer<S> for Captured {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == self.target {
            let mut fields = Fields(Map::new());
            event.record(&mut fields);
            self.events.lock().unwrap().push(fields.0);
        }
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}
