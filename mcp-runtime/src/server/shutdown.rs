//! The shutdown of a server: one sequence for all transports, described at [`ServerHandle::stop`](crate::ServerHandle::stop).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::lifespan::StopFn;
use crate::dispatch::Core;
use crate::sync::Mutex;

/// The state of a server that is shared with its handles, before and after it is started.
#[derive(Default)]
pub(super) struct ServerState {
    core: Mutex<Option<Arc<Core>>>,
    /// The outermost server around a mounted one.
    outermost: OnceLock<Weak<Self>>,
    /// The functions that stop the started lifespans, in the order of their start.
    stops: Mutex<Vec<StopFn>>,
    /// `true` after the first call of [`ServerState::stop`].
    is_stopping: AtomicBool,
    /// `true` from when connections accept no further requests. Each connection holds a receiver until it has ended.
    draining: watch::Sender<bool>,
    /// `true` after the lifespans have stopped and the last traces are exported.
    stopped: watch::Sender<bool>,
}

impl ServerState {
    /// Makes the server available to its handles. `outermost` is the server that clients use.
    pub(super) fn begin(self: &Arc<Self>, core: Arc<Core>, outermost: &Arc<Self>) {
        if !Arc::ptr_eq(self, outermost) {
            // A server is mounted once.
            let _ = self.outermost.set(Arc::downgrade(outermost));
        }
        *self.core.lock() = Some(core);
    }

    pub(super) fn core(&self) -> Option<Arc<Core>> {
        self.core.lock().clone()
    }

    /// Adds the function that stops a started lifespan.
    pub(super) fn push_stop(&self, stop: StopFn) {
        self.stops.lock().push(stop);
    }

    /// Registers a connection, which must end when the receiver [`turns_true`]. The server waits until the receiver and its
    /// clones are dropped.
    pub(super) fn connection(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    /// Returns the sender of [`ServerState::connection`], for those that register tasks while the server runs.
    #[cfg(feature = "http")]
    pub(super) fn draining(&self) -> watch::Sender<bool> {
        self.draining.clone()
    }

    /// Waits until the lifespans have stopped.
    pub(super) async fn stopped(&self) {
        turns_true(self.stopped.subscribe()).await;
    }

    /// Stops the server, and returns after the lifespans have stopped. Does nothing before the server has started.
    ///
    /// The first call starts a task, so that a caller that is dropped, such as a handler of the server, does not interrupt
    /// the sequence. A mounted server stops with the outermost one.
    pub(super) async fn stop(self: &Arc<Self>) {
        match self.outermost.get().map(Weak::upgrade) {
            None => self.stop_outermost().await,
            Some(Some(outermost)) => outermost.stop_outermost().await,
            Some(None) => {}
        }
    }

    async fn stop_outermost(self: &Arc<Self>) {
        let Some(core) = self.core() else {
            return;
        };
        if !self.is_stopping.swap(true, Ordering::AcqRel) {
            let stopping = Stopping(Arc::clone(self));
            tokio::spawn(async move { stopping.run(&core).await });
        }
        self.stopped().await;
    }

    /// Stops the lifespans in the reverse order of their start.
    ///
    /// Each runs in its own task, so that one that panics or blocks its thread does not prevent the end of the server.
    pub(super) async fn stop_lifespans(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        loop {
            let Some(stop) = self.stops.lock().pop() else {
                return;
            };
            let stopping = tokio::spawn(async move { stop().await });
            match tokio::time::timeout_at(deadline, stopping).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the stop of a lifespan panicked"),
                Err(_) => tracing::error!(
                    "a lifespan did not stop within the shutdown grace period, and is left behind"
                ),
            }
        }
    }
}

/// The sequence that stops a server. Dropping it reports that the server has stopped, also if the runtime ends before.
struct Stopping(Arc<ServerState>);

impl Stopping {
    async fn run(&self, core: &Core) {
        self.0.draining.send_replace(true);
        core.end_requests(&self.0.draining).await;
        self.0.stop_lifespans(core.limits.shutdown_grace).await;
        // The last, because lifespans may still tell changes.
        if let Some(cluster) = &core.context.cluster {
            cluster.stop().await;
        }
        #[cfg(feature = "otel")]
        if let Some(otel) = &core.observer.otel {
            otel.flush().await;
        }
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.stopped.send_replace(true);
    }
}

/// Waits until the value is `true`.
pub(super) async fn turns_true(mut receiver: watch::Receiver<bool>) {
    // This fails only if the sender is dropped. Then the server has ended, too.
    let _ = receiver.wait_for(|value| *value).await;
}
