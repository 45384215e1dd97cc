//! The cancellation of calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// The cancellation of a call: the client cancelled it or disconnected, or the server is stopping.
///
/// An `async` handler is dropped at its next `.await` and rarely needs this. A plain `fn` runs on a thread, which cannot be
/// stopped from outside. It should check [`Cancel::is_cancelled`] regularly.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Count the primes below a limit.
/// #[tool]
/// fn primes(limit: u32, cancel: Cancel) -> Result<u32, ToolError> {
///     let mut found = 0;
///     for candidate in 2..limit {
///         if cancel.is_cancelled() {
///             return Err(ToolError::new("cancelled"));
///         }
///         found += u32::from((2..candidate).all(|divisor| candidate % divisor != 0));
///     }
///     Ok(found)
/// }
/// ```
#[derive(Clone, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Default)]
struct CancelState {
    cancelled: AtomicBool,
    waiting: Notify,
}

impl Cancel {
    /// Returns `true` if the call was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Waits until the call is cancelled. It is meant for tasks that the handler spawned.
    pub async fn cancelled(&self) {
        let notified = self.0.waiting.notified();
        tokio::pin!(notified);
        // Registers before reading the flag, so that a cancellation in between is not missed.
        notified.as_mut().enable();
        if !self.is_cancelled() {
            notified.await;
        }
    }

    pub(crate) fn set(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.waiting.notify_waiters();
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("Cancel")
            .field(&self.is_cancelled())
            .finish()
    }
}
