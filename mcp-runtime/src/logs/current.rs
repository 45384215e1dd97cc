//! The call whose handler currently runs on this thread.

use std::cell::RefCell;
use std::sync::Arc;

use tracing::{Event, Level, Metadata};
use tracing_core::callsite::Identifier;

use super::{fields, targets};
use crate::call::CallContext;
use crate::protocol::LogLevel;

/// A call whose client wants log messages.
struct Current {
    call: Arc<CallContext>,
    /// Callsites whose next event is for the client only, because the inner subscriber does not enable it.
    claims: Vec<Identifier>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Replaces the current call and returns the previous one.
fn replace(current: Option<Current>) -> Option<Current> {
    // The thread-local is not accessible while the thread ends.
    CURRENT
        .try_with(|cell| cell.replace(current))
        .ok()
        .flatten()
}

fn with<R>(function: impl FnOnce(&mut Current) -> R) -> Option<R> {
    CURRENT
        .try_with(|cell| cell.borrow_mut().as_mut().map(function))
        .ok()
        .flatten()
}

/// A guard that restores the previous current call.
struct RestoreCurrent(Option<Current>);

impl Drop for RestoreCurrent {
    fn drop(&mut self) {
        replace(self.0.take());
    }
}

/// Runs a part of a handler with its call as the current one, so that its events belong to the call. Calls may be nested.
pub(crate) fn within<R>(call: &Arc<CallContext>, part: impl FnOnce() -> R) -> R {
    let wants_logs = call.notifier.wants(LogLevel::Emergency);
    let current = wants_logs.then(|| Current {
        call: Arc::clone(call),
        claims: Vec::new(),
    });
    let _guard = RestoreCurrent(replace(current));
    part()
}

impl Current {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && self.call.notifier.wants(level(metadata))
            && targets::contain(&self.call.server.forwarded, metadata.target())
    }
}

fn level(metadata: &Metadata<'_>) -> LogLevel {
    match *metadata.level() {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warning,
        Level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

/// Returns `true` if the current call wants an event that the inner subscriber does not enable.
pub(super) fn claim(metadata: &Metadata<'_>) -> bool {
    let claim = |current: &mut Current| {
        let wanted = current.wants(metadata);
        let callsite = metadata.callsite();
        if wanted && !current.claims.contains(&callsite) {
            current.claims.push(callsite);
        }
        wanted
    };
    with(claim).unwrap_or(false)
}

/// Returns `true` if the event was claimed, and removes the claim, which is for one event.
pub(super) fn claimed(metadata: &Metadata<'_>) -> bool {
    let claimed = |current: &mut Current| {
        let callsite = metadata.callsite();
        let claim = current.claims.iter().position(|claim| *claim == callsite);
        claim
            .map(|claim| current.claims.swap_remove(claim))
            .is_some()
    };
    with(claimed).unwrap_or(false)
}

/// Sends an event to the client of the handler that runs on this thread. Does nothing if no handler runs or if the client
/// does not want the event.
///
/// [`ForwardLogs`](crate::ForwardLogs) describes which events are sent, and calls this function itself. Call it from
/// a layer of `tracing-subscriber` if other crates must find types inside the current subscriber:
///
/// ```
/// struct ForwardLayer;
///
/// impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for ForwardLayer {
///     fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
///         mcp_runtime::forward_log(event);
///     }
/// }
/// ```
pub fn forward_log(event: &Event<'_>) {
    let metadata = event.metadata();
    if !with(|current| current.wants(metadata)).unwrap_or(false) {
        return;
    }
    // No call is current meanwhile, so events that a value emits while it is formatted are not forwarded in turn.
    let current = RestoreCurrent(replace(None));
    if let Some(current) = &current.0 {
        let data = fields::of(event).to_string();
        let notifier = &current.call.notifier;
        notifier.log(level(metadata), Some(metadata.target()), &data);
    }
}
