//! A limit on the number of calls that run at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ToolError;
use crate::layer::{CallOutcome, Layer, LayeredCall, Next};
use crate::service::BoxFuture;

/// The default number of calls that wait.
const QUEUE: usize = 100;

/// A layer that limits the number of calls that run at once, such as those of a tool that uses much memory.
///
/// Further calls wait, in the order of their arrival, up to the length of the queue. Calls beyond it are refused: a tool call
/// is an error that tells the model to try again later. The time of waiting does not count against the
/// [timeout](crate::Timeout) of the call. A plain `fn` counts until its thread ends, even if the call was cancelled or timed
/// out; a call that waits for the answer to a question in a session counts too.
///
/// The limit applies to all calls that pass this layer or a clone of it together: those of one component if it is a layer of
/// that component.
///
/// ```
/// use mcp_runtime::{ConcurrencyLimit, prelude::*};
///
/// /// Render a video.
/// #[tool(layer = ConcurrencyLimit::new(2).queue(10))]
/// fn render(title: String) -> String {
///     format!("{title}.mp4")
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit {
    running: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    queue: usize,
}

impl ConcurrencyLimit {
    /// Creates a layer that runs at most `calls` calls at once, and at least one. Up to 100 further calls wait.
    pub fn new(calls: usize) -> Self {
        let calls = calls.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            running: Arc::new(Semaphore::new(calls)),
            waiting: Arc::default(),
            queue: QUEUE,
        }
    }

    /// Sets the number of calls that wait. With 0, further calls are refused at once.
    pub fn queue(mut self, calls: usize) -> Self {
        self.queue = calls;
        self
    }

    /// Waits until the call may run. Returns `None` if the queue is full.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let running = Arc::clone(&self.running);
        if let Ok(permit) = Arc::clone(&running).try_acquire_owned() {
            return Some(permit);
        }
        let _place = Place::take(&self.waiting, self.queue)?;
        // The semaphore is never closed.
        running.acquire_owned().await.ok()
    }
}

impl Layer for ConcurrencyLimit {
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
        let limit = self.clone();
        Box::pin(async move {
            let Some(permit) = limit.permit().await else {
                let message = format!(
                    "`{}` is busy, and its queue of {} calls is full: try again later",
                    call.name(),
                    limit.queue
                );
                return call.refuse(ToolError::new(message));
            };
            let _held = call.hold(permit);
            next.run().await
        })
    }
}

/// A place in the queue, until it is dropped.
struct Place<'q>(&'q AtomicUsize);

impl<'q> Place<'q> {
    /// Takes a place, unless all of them are taken.
    fn take(waiting: &'q AtomicUsize, places: usize) -> Option<Self> {
        let more = |taken| (taken < places).then_some(taken + 1);
        let taken = waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.ok().map(|_| Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
