//! The call whose handler this thread runs now.

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
    /// Places in the code whose next event is for the client alone: the inner subscriber does not want it.
    claims: Vec<Identifier>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Puts another call in the place of the current one.
fn replace(current: Option<Current>) -> Option<Current> {
    // A thread that ends has none.
    CURRENT
        .try_with(|place| place.replace(current))
        .ok()
        .flatten()
}

fn with<R>(part: impl FnOnce(&mut Current) -> R) -> Option<R> {
    CURRENT
        .try_with(|place| place.borrow_mut().as_mut().map(part))
        .ok()
        .flatten()
}

/// The call that was current before.
struct RestoreCurrent(Option<Current>);

impl Drop for RestoreCurrent {
    fn drop(&mut self) {
        replace(self.0.take());
    }
}

/// Runs a part of a handler: the events in it belong to its call. Calls may stand within each other.
pub(crate) fn within<R>(call: &Arc<CallContext>, part: impl FnOnce() -> R) -> R {
    let listens = call.notifier.wants(LogLevel::Emergency);
    let current = listens.then(|| Current {
        call: Arc::clone(call),
        claims: Vec::new(),
    });
    let _before = RestoreCurrent(replace(current));
    part()
}

impl Current {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && self.call.notifier.wants(level(metadata))
            && targets::are_of(&self.call.server.forwarded, metadata.target())
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

/// Whether the current call wants an event that nobody else wants.
pub(super) fn claim(metadata: &Metadata<'_>) -> bool {
    let claim = |current: &mut Current| {
        let wanted = current.wants(metadata);
        let place = metadata.callsite();
        if wanted && !current.claims.contains(&place) {
            current.claims.push(place);
        }
        wanted
    };
    with(claim).unwrap_or(false)
}

/// Whether the event was claimed. A claim is for one event.
pub(super) fn claimed(metadata: &Metadata<'_>) -> bool {
    let claimed = |current: &mut Current| {
        let place = metadata.callsite();
        let claim = current.claims.iter().position(|claim| *claim == place);
        claim
            .map(|claim| current.claims.swap_remove(claim))
            .is_some()
    };
    with(claimed).unwrap_or(false)
}

/// Sends an event to the client of the handler that this thread runs, if it runs one and the client wants it.
///
/// [`ForwardLogs`](crate::ForwardLogs), which says what is sent, does this by itself. It is for layers of
/// `tracing-subscriber`, which stay visible for what looks for them:
///
/// ```ignore
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
    // Taken out for so long: what a value logs while it is written is not forwarded in turn.
    let current = RestoreCurrent(replace(None));
    if let Some(current) = &current.0 {
        let data = fields::of(event).to_string();
        let link = &current.call.notifier;
        link.log(level(metadata), Some(metadata.target()), &data);
    }
}
