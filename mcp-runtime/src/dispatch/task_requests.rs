//! What requests about tasks have in common: their callers, and their futures.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::core::{MethodRun, Request};
use crate::in_flight::Stop;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::service::BoxFuture;

/// Returns the caller that the tasks of a request belong to: its principal, or else its session.
pub(super) fn caller_of(request: &Request) -> Option<String> {
    let session = request.caller.session.as_ref();
    match (&request.origin.principal, session) {
        (None, None) => None,
        (_, session) => {
            let owner = request.origin.owner(session.map(|session| session.nonce));
            Some(owner.key())
        }
    }
}

/// Answers a request about a task.
pub(super) fn answer(
    future: impl Future<Output = Result<Outcome, RpcError>> + Send + 'static,
) -> MethodRun {
    let future = async move { future.await.unwrap_or_else(Outcome::Error) };
    polled(Box::pin(future), Arc::new(Unstoppable))
}

/// Polls a future once, and returns it if it has to wait for the store.
pub(super) fn polled(mut future: BoxFuture<Outcome>, stop: Arc<dyn Stop>) -> MethodRun {
    // The waker does nothing: a transport polls a pending future again at once, with its own waker.
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(outcome) => MethodRun::Ready(outcome),
        Poll::Pending => MethodRun::Pending { future, stop },
    }
}

/// A request that ends when its future is dropped.
struct Unstoppable;

impl Stop for Unstoppable {
    fn stop(&self) {}
}
