//! Calls of a store that panics.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use super::error::ClusterError;
use crate::store::StoreFuture;

/// Calls a store. A panic is an error, because it would end the task that serves all requests.
pub(super) async fn contained<'s, T>(
    call: impl FnOnce() -> StoreFuture<'s, T>,
) -> Result<T, ClusterError> {
    // What the store leaves behind after a panic is its own matter.
    let Ok(mut future) = catch_unwind(AssertUnwindSafe(call)) else {
        return Err(ClusterError::panicked());
    };
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(Poll::Ready(Ok(value))) => Poll::Ready(Ok(value)),
            Ok(Poll::Ready(Err(error))) => Poll::Ready(Err(ClusterError::store(&*error))),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(Err(ClusterError::panicked())),
        }
    })
    .await
}
