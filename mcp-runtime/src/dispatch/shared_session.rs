//! Changes of a session that all replicas of the server must know.

use std::sync::Arc;

use super::core::{MethodRun, Request};
use super::polled::{Unstoppable, polled};
use crate::cluster::SessionEvent;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::session::Session;

/// Changes a session: for all replicas, if it is one of several, and then here.
///
/// # Errors
/// Returns the errors of `apply`.
pub(super) fn change_session(
    request: &Request,
    session: &Session,
    event: SessionEvent,
    apply: impl FnOnce() -> Result<(), RpcError> + Send + 'static,
) -> Result<MethodRun, RpcError> {
    let cluster = request.core.context.cluster.as_ref();
    // A session on a connection of its own is only here.
    let Some(cluster) = cluster.filter(|_| request.origin.connection.is_none()) else {
        return apply().map(|()| MethodRun::Ready(Outcome::Empty));
    };
    let (cluster, key) = (Arc::clone(cluster), session.shared_key());
    let future = async move {
        let changed = cluster.change_session(key, event).await;
        let changed =
            changed.map_err(|error| RpcError::overloaded(format!("{error}; try again later")));
        changed
            .and_then(|()| apply())
            .map_or_else(Outcome::Error, |()| Outcome::Empty)
    };
    Ok(polled(Box::pin(future), Arc::new(Unstoppable)))
}
