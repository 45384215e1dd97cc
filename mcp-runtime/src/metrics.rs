//! Counters and gauges of a server, as Prometheus reads them.
//!
//! Without the feature `metrics`, or without [`Server::metrics`](crate::Server::metrics), nothing is counted.

#[cfg(feature = "metrics")]
mod counters;
mod series;
#[cfg(feature = "metrics")]
mod text;

#[cfg(feature = "metrics")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "metrics")]
use counters::Counters;
pub(crate) use series::{OTHER, Series};
#[cfg(feature = "metrics")]
pub(crate) use text::Gauges;

/// The metrics of a server. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    #[cfg(feature = "metrics")]
    counters: Option<Arc<Counters>>,
}

/// A guard that counts a connection while it is open.
pub(crate) struct OpenConnection {
    #[cfg(feature = "metrics")]
    open: Option<(Arc<Counters>, &'static str)>,
}

#[cfg(feature = "metrics")]
impl Metrics {
    /// Returns metrics that count.
    pub(crate) fn enabled() -> Self {
        Self {
            counters: Some(Arc::default()),
        }
    }

    /// Returns `true` if something is counted.
    pub(crate) fn is_enabled(&self) -> bool {
        self.counters.is_some()
    }

    /// Counts a request, the bytes of the request and of its reply, and the session that it `opened`.
    pub(crate) fn request(
        &self,
        series: &Series<'_>,
        duration: Duration,
        bytes: [usize; 2],
        opened: bool,
    ) {
        if let Some(counters) = &self.counters {
            counters.request(series, duration, bytes, opened);
        }
    }

    /// Counts a message or connection that is refused for this reason, which is the name of a limit or of a status.
    pub(crate) fn refused(&self, reason: &'static str) {
        if let Some(counters) = &self.counters {
            counters.refused(reason);
        }
    }

    /// Counts a connection of this transport until the guard is dropped.
    pub(crate) fn connected(&self, transport: &'static str) -> OpenConnection {
        let open = self.counters.clone().map(|counters| {
            counters.connected(transport, 1);
            (counters, transport)
        });
        OpenConnection { open }
    }

    /// Returns all metrics in the text format of Prometheus, or `None` if nothing is counted.
    pub(crate) fn text(&self, gauges: Gauges) -> Option<String> {
        let counters = self.counters.as_ref()?;
        Some(text::encode(counters, gauges))
    }
}

#[cfg(feature = "metrics")]
impl Drop for OpenConnection {
    fn drop(&mut self) {
        if let Some((counters, transport)) = &self.open {
            counters.connected(transport, -1);
        }
    }
}

#[cfg(not(feature = "metrics"))]
#[allow(clippy::unused_self)] // the same functions as with the feature
impl Metrics {
    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) fn request(&self, _: &Series<'_>, _: Duration, _: [usize; 2], _: bool) {}

    #[inline]
    pub(crate) fn refused(&self, _: &'static str) {}

    #[inline]
    pub(crate) fn connected(&self, _: &'static str) -> OpenConnection {
        OpenConnection {}
    }
}
