//! The built-in listener: one task per connection, a limit on connections, and graceful shutdown.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::sockets::Listener;
use super::starting::EarlyConnections;
use super::{HttpService, connection};

/// The delay after a failed accept. The usual cause is a lack of file descriptors.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Serves connections, and those that arrived `early`, until `stopped` resolves. Responses that are then being sent have a
/// grace period to end.
///
/// # Errors
/// Returns an error if the socket cannot listen. Errors of single connections are logged.
pub(crate) async fn serve(
    listener: impl Listener,
    service: HttpService,
    early: Option<EarlyConnections>,
    stopped: impl Future<Output = ()>,
) -> io::Result<()> {
    let limits = service.endpoint.service.limits().clone();
    let mut stopped = pin!(stopped);
    let mut connections = early.map_or_else(JoinSet::new, |early| early.serve(&service));
    let (stop, stopping) = watch::channel(());
    loop {
        let accepted = tokio::select! {
            () = stopped.as_mut() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let metrics = service.endpoint.service.metrics();
        if accepted.is_ok() && connections.len() >= limits.connections {
            metrics.refused("connections");
        }
        let Some((stream, peer)) = accept(accepted, connections.len(), limits.connections).await?
        else {
            continue;
        };
        let connection = connection::run(stream, peer, service.clone(), stopping.clone());
        connections.spawn(connection);
    }
    drop(listener);
    drop(stop);
    close(connections, limits.shutdown_grace).await;
    Ok(())
}

/// Waits until the connections have ended, for at most the grace period.
async fn close(mut connections: JoinSet<()>, grace: Duration) {
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, ended).await.is_err() {
        tracing::warn!(
            open = connections.len(),
            "the shutdown grace period is over: closing the open connections"
        );
    }
    // Dropping the tasks aborts them. They are not joined, because a handler may block its thread.
}

/// An accepted connection, with the address of its peer.
type Accepted<S> = (S, Option<SocketAddr>);

/// Returns the accepted connection, or `None` if the limit is reached or this connection failed.
///
/// # Errors
/// Returns an error if the listener can accept no further connections.
async fn accept<S>(
    accepted: io::Result<Accepted<S>>,
    open: usize,
    limit: usize,
) -> io::Result<Option<Accepted<S>>> {
    match accepted {
        Ok((_, peer)) if open >= limit => {
            let peer = peer.map(tracing::field::display);
            tracing::warn!(peer, limit, "too many connections: closing the new one");
            Ok(None)
        }
        Ok(accepted) => Ok(Some(accepted)),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(error),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(RETRY_DELAY).await;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_listener_that_is_none_ends_the_server() {
        let broken = |kind: io::ErrorKind| accept::<()>(Err(kind.into()), 0, 1);
        assert!(broken(io::ErrorKind::InvalidInput).await.is_err());
        for passing in [io::ErrorKind::ConnectionAborted, io::ErrorKind::Other] {
            assert!(matches!(broken(passing).await, Ok(None)), "{passing}");
        }
    }
}
