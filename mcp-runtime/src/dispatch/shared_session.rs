//! Changes of a session that all replicas of the server must know.

use std::sync::Arc;

use super::core::{MethodRun, Request};
use super::polled::{Unstoppable, polled};
use crate::cluster::{Changed, Setting};
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::session::Session;

/// Changes a session, for all replicas if it is one of several. Without replicas, `apply` changes it.
///
/// # Errors
/// Returns the errors of `apply`, and those of a session that may not have more settings.
pub(super) fn change_session(
    request: &Request,
    session: &Session,
    setting: Setting,
    apply: impl FnOnce() -> Result<(), RpcError>,
) -> Result<MethodRun, RpcError> {
    let cluster = request.core.context.cluster.as_ref();
    // A session on a connection of its own is only here.
    let Some(cluster) = cluster.filter(|_| request.origin.connection.is_none()) else {
        return apply().map(|()| MethodRun::Ready(Outcome::Empty));
    };
    let account = request.origin.account();
    let checked = request.core.sessions.check(session, &account, &setting);
    checked
        .map_err(|full| RpcError::overloaded(format!("The setting cannot be stored: {full}")))?;
    let (cluster, key) = (Arc::clone(cluster), session.shared_key());
    let future = async move {
        match cluster.change_session(key, account.key(), setting).await {
            Ok(Changed::Done) => Outcome::Empty,
            Ok(Changed::TooMany) => Outcome::Error(too_many_subscriptions()),
            Ok(Changed::Ended) => Outcome::Error(RpcError::invalid_request(
                "The session has ended: send `initialize` again",
            )),
            Err(error) => Outcome::Error(RpcError::overloaded(format!("{error}; try again later"))),
        }
    };
    Ok(polled(Box::pin(future), Arc::new(Unstoppable)))
}

/// The maximum number of resources that one session may subscribe to.
pub(super) const MAX_SUBSCRIPTIONS: usize = 1000;

/// Returns the error for a session that is subscribed to as many resources as it may be.
pub(super) fn too_many_subscriptions() -> RpcError {
    RpcError::invalid_params(format!(
        "The session is subscribed to {MAX_SUBSCRIPTIONS} resources, which is the limit: unsubscribe from some"
    ))
}
