//! Requests that have to wait for a store.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::core::MethodRun;
use crate::in_flight::Stop;
use crate::outcome::Outcome;
use crate::service::BoxFuture;

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
pub(super) struct Unstoppable;

impl Stop for Unstoppable {
    fn stop(&self) {}
}
