//! A log event for each call.

use std::time::{Duration, Instant};

use crate::layer::{CallKind, CallOutcome, Layer, LayeredCall, Next};
use crate::observe::in_milliseconds;
use crate::outcome::OutcomeKind;
use crate::owner::Principal;
use crate::service::BoxFuture;

/// A layer that logs the end of each call with its duration: an event of `tracing` at the level `INFO`.
///
/// Its fields are `method`, `component` (none for a list), `outcome`, `duration_ms` and, if there is one, the `principal`, with the
/// meaning that they have in [the event of a request](crate::Server::run). Arguments and results are never logged. The time
/// includes the layers inside of this one.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::{LogCalls, Server};
///
/// let all = Server::new("app", "1.0.0").layer(LogCalls::new());
/// let slow = Server::new("app", "1.0.0").layer(LogCalls::new().slower_than(Duration::from_secs(1)));
/// ```
#[derive(Debug, Clone, Default)]
pub struct LogCalls {
    threshold: Duration,
}

impl LogCalls {
    /// Creates a layer that logs every call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Logs only calls that took at least this long.
    pub fn slower_than(mut self, threshold: Duration) -> Self {
        self.threshold = threshold;
        self
    }
}

impl Layer for LogCalls {
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
        let mut logged = Logged {
            threshold: self.threshold,
            begin: Instant::now(),
            outcome: OutcomeKind::Cancelled,
            call,
        };
        Box::pin(async move {
            let outcome = next.run().await;
            logged.end(outcome.kind());
            outcome
        })
    }
}

/// A call that is logged when this is dropped.
struct Logged {
    threshold: Duration,
    begin: Instant,
    /// The outcome of a call that has ended; it is cancelled until then.
    outcome: OutcomeKind,
    call: LayeredCall,
}

impl Logged {
    fn end(&mut self, outcome: OutcomeKind) {
        self.outcome = outcome;
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let took = self.begin.elapsed();
        if took < self.threshold {
            return;
        }
        let call = &self.call;
        let context = call.context();
        tracing::info!(
            method = context.call_context().message.method(),
            component = (call.kind() != CallKind::List).then(|| call.name()),
            outcome = self.outcome.as_str(),
            duration_ms = in_milliseconds(took),
            principal = context.principal().map(Principal::to_string),
            "a call has ended"
        );
    }
}
