//! Forwarding of `tracing` events in handlers to the clients of their calls.
//!
//! A subscriber is shared by the whole process, but a client belongs to one call. The current call of the thread connects
//! the two.

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

/// A `tracing` subscriber that passes everything to an inner subscriber, and also sends the events of a handler to its
/// client.
///
/// An event is sent if the client asked for messages of its level and if its target is one of
/// [`Server::forward_logs_of`](crate::Server::forward_logs_of). The default target is the crate that calls
/// [`server!`](crate::server!). The message and the fields of the event are the data, and its target is the logger.
/// `TRACE` is sent as debug. The event is sent even if the inner subscriber does not enable it. Events in a task that
/// a handler spawned belong to no call and are not sent.
///
/// [`Server::run`](crate::Server::run) installs this subscriber if the program has none. To use it with your own
/// subscriber:
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
/// `Dispatch::downcast_ref`, which `tracing-opentelemetry` and `tracing-error` use, does not find types inside this
/// subscriber. With these crates, call [`forward_log`] from a layer instead.
#[derive(Debug)]
pub struct ForwardLogs<S>(S);

impl<S: Subscriber> ForwardLogs<S> {
    /// Returns a subscriber that forwards the events of handlers to their clients and passes everything to `inner`.
    pub fn new(inner: S) -> Self {
        Self(inner)
    }
}

/// Installs a [`ForwardLogs`] if the program has no subscriber.
#[cfg(feature = "cli")]
pub(crate) fn install() {
    use tracing::subscriber::{NoSubscriber, set_global_default};

    if !tracing::dispatcher::has_been_set() {
        // This fails if another thread has just set a subscriber, which is then kept.
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
        if targets::is_empty() {
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
