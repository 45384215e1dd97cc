//! What requests about tasks have in common: their callers, and their futures.

use std::future::Future;
use std::sync::Arc;

use super::core::{MethodRun, Request};
use super::polled::{Unstoppable, polled};
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;

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
