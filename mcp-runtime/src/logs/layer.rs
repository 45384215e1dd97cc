//! The layer that forwards events, with the filter that enables them.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::{current, targets};

/// `true` if a subscriber of this process contains the layer.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Returns a layer that sends the `tracing` events of handlers to the clients of their calls.
///
/// An event is sent if the client asked for messages of its level and if its target is one of
/// [`Server::forward_logs_of`](crate::Server::forward_logs_of). The default target is the crate that calls
/// [`server!`](crate::server!). The message and the fields of the event are the data, and its target is the logger.
/// `TRACE` is sent as debug. Events in a task that a handler spawned belong to no call and are not sent.
///
/// `Server::run` installs this layer if the program has no subscriber. To add it to your own subscriber:
///
/// ```
/// use tracing_subscriber::filter::LevelFilter;
/// use tracing_subscriber::prelude::*;
///
/// tracing_subscriber::registry()
///     .with(tracing_subscriber::fmt::layer().with_filter(LevelFilter::WARN))
///     .with(mcp_runtime::forward_logs())
///     .init();
/// ```
///
/// The layer has its own filter. Give your other layers filters of their own, as in the example: a filter for the whole
/// subscriber would also limit what clients can receive.
///
/// The fields of an event must not emit further events while they are computed: `tracing-subscriber` would apply the
/// filters of its layers to the wrong one.
pub fn forward_logs<S>() -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    Forward.with_filter(Wanted)
}

/// Returns `true` if a subscriber of this process contains the layer.
pub(super) fn is_installed() -> bool {
    INSTALLED.load(Ordering::Relaxed)
}

struct Forward;

impl<S: Subscriber> Layer<S> for Forward {
    fn on_register_dispatch(&self, _: &Dispatch) {
        INSTALLED.store(true, Ordering::Relaxed);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        current::forward(event);
    }
}

/// Enables the events that the client of the current call wants.
struct Wanted;

impl<S> Filter<S> for Wanted {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        current::wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if targets::may_be_forwarded(metadata) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if targets::is_empty() {
            LevelFilter::OFF
        } else {
            LevelFilter::TRACE
        })
    }
}
