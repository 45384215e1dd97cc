//! From `tracing` events inside of handlers to log messages of their calls.
//!
//! A subscriber is shared by the whole process, a client is that of one call: the current call of the thread brings
//! the two together.

mod current;
mod fields;
mod targets;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Dispatch, Event, Metadata};
use tracing_core::span::Current;

pub use current::forward_log;
pub(crate) use current::within;
pub(crate) use targets::announce;

/// A `tracing` subscriber that hands everything on to another one, and what a handler logs also to its client.
///
/// An event is sent if the client asked for messages of its level and its target is among those of
/// [`Server::forward_logs_of`](crate::Server::forward_logs_of): of the crate that calls
/// [`server!`](crate::server!), unless told otherwise. Its message and fields are the data, its target is the logger;
/// `TRACE` counts as debug. The inner subscriber need not be interested in the event. What a task logs that a handler
/// spawned belongs to no call.
///
/// [`Server::run`](crate::Server::run) installs one by itself where the program has no subscriber. With one of your own:
///
/// ```
/// use mcp_runtime::ForwardLogs;
/// # use tracing::subscriber::NoSubscriber;
/// # let yours = NoSubscriber::new();
///
/// tracing::subscriber::set_global_default(ForwardLogs::new(yours))?;
/// # Ok::<(), tracing::subscriber::SetGlobalDefaultError>(())
/// ```
///
/// What looks for a type inside of the current subscriber (`Dispatch::downcast_ref`, as `tracing-opentelemetry` and
/// `tracing-error` do) does not see through it: there, call [`forward_log`] from a layer.
#[derive(Debug)]
pub struct ForwardLogs<S>(S);

impl<S: Subscriber> ForwardLogs<S> {
    /// Forwards what handlers log, and hands everything on to `inner`.
    pub fn new(inner: S) -> Self {
        Self(inner)
    }
}

/// Forwards what handlers log in a program that has no subscriber.
#[cfg(feature = "cli")]
pub(crate) fn install() {
    use tracing::subscriber::{NoSubscriber, set_global_default};

    if !tracing::dispatcher::has_been_set() {
        // It fails if another thread was faster, whose subscriber then stays.
        let _ = set_global_default(ForwardLogs::new(NoSubscriber::new()));
    }
}

impl<S: Subscriber> Subscriber for ForwardLogs<S> {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.0.on_register_dispatch(subscriber);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let inner = self.0.register_callsite(metadata);
        if inner.is_never() && targets::may_be_forwarded(metadata) {
            Interest::sometimes()
        } else {
            inner
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata) || current::claim(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        if targets::are_none() {
            self.0.max_level_hint()
        } else {
            Some(LevelFilter::TRACE)
        }
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.0.new_span(span)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.0.record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.0.record_follows_from(span, follows);
    }

    fn event(&self, event: &Event<'_>) {
        if !current::claimed(event.metadata()) && self.0.event_enabled(event) {
            self.0.event(event);
        }
        forward_log(event);
    }

    fn enter(&self, span: &Id) {
        self.0.enter(span);
    }

    fn exit(&self, span: &Id) {
        self.0.exit(span);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.0.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        self.0.try_close(id)
    }

    fn current_span(&self) -> Current {
        self.0.current_span()
    }
}
