//! The call whose handler currently runs on this thread.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use tracing::{Event, Level, Metadata};

use super::{fields, targets};
use crate::call::CallContext;
use crate::protocol::LogLevel;

/// A call whose client wants log messages.
type Current = Arc<CallContext>;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
    /// `true` if there is a current call. Most calls want no messages, and this is cheaper to read.
    static IS_SET: Cell<bool> = const { Cell::new(false) };
}

/// Replaces the current call and returns the previous one.
fn replace(current: Option<Current>) -> Option<Current> {
    IS_SET.set(current.is_some());
    // The thread-local is not accessible while the thread ends.
    CURRENT
        .try_with(|cell| cell.replace(current))
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
#[inline]
pub(crate) fn within<R>(call: &Arc<CallContext>, part: impl FnOnce() -> R) -> R {
    let wants_logs = call.notifier.wants(LogLevel::Emergency);
    if !wants_logs && !IS_SET.get() {
        return part();
    }
    let current = wants_logs.then(|| Arc::clone(call));
    let _guard = RestoreCurrent(replace(current));
    part()
}

fn level(metadata: &Metadata<'_>) -> LogLevel {
    match *metadata.level() {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warning,
        Level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

fn is_wanted(call: &CallContext, metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
        && call.notifier.wants(level(metadata))
        && targets::contain(&call.server.forwarded, metadata.target())
}

/// Returns `true` if the client of the call on this thread wants events of this kind.
pub(super) fn wants(metadata: &Metadata<'_>) -> bool {
    if !IS_SET.get() {
        return false;
    }
    let wants = |current: &RefCell<Option<Current>>| {
        let current = current.borrow();
        current
            .as_ref()
            .is_some_and(|call| is_wanted(call, metadata))
    };
    CURRENT.try_with(wants).unwrap_or(false)
}

/// Sends an event to the client of the handler that runs on this thread, if the client wants it.
pub(super) fn forward(event: &Event<'_>) {
    let metadata = event.metadata();
    if !wants(metadata) {
        return;
    }
    // No call is current meanwhile, so events that a value emits while it is formatted are not forwarded in turn.
    let current = RestoreCurrent(replace(None));
    if let Some(call) = &current.0 {
        let data = fields::of(event).to_string();
        call.notifier
            .log(level(metadata), Some(metadata.target()), &data);
    }
}
