//! Our own listener: one task for each connection, up to a limit, and an orderly end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{HttpService, connection};

/// How long to wait when a connection cannot be accepted, mostly for want of file descriptors.
const RETRY: Duration = Duration::from_millis(50);

/// Serves connections until `shutdown` resolves and those that are open have ended, within their grace.
///
/// # Errors
/// When the socket cannot listen. What fails for one connection only is logged.
pub(crate) async fn serve(
    listener: TcpListener,
    service: HttpService,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let limits = service.endpoint.service.limits().clone();
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    let (stop, stopping) = watch::channel(());
    loop {
        let accepted = tokio::select! {
            () = shutdown.as_mut() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Some((stream, peer)) = admit(accepted, connections.len(), limits.connections).await?
        else {
            continue;
        };
        let connection = connection::run(stream, peer, service.clone(), stopping.clone());
        connections.spawn(connection);
    }
    drop(listener);
    service.endpoint.close();
    drop(stop);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown_grace, ended)
        .await
        .is_err()
    {
        tracing::warn!(open = connections.len(), "connections are cut off");
    }
    connections.shutdown().await;
    service.endpoint.service.cancel(None);
    Ok(())
}

/// Takes a connection in, if there is room. `Err` if there will never be one again.
async fn admit(
    accepted: io::Result<(TcpStream, SocketAddr)>,
    open: usize,
    most: usize,
) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    match accepted {
        Ok((_, peer)) if open >= most => {
            tracing::warn!(%peer, most, "too many connections: one is closed");
            Ok(None)
        }
        Ok((stream, peer)) => {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "small packets will wait");
            }
            Ok(Some((stream, peer)))
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(error),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(RETRY).await;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_listener_that_is_none_ends_the_server() {
        let broken = |kind: io::ErrorKind| admit(Err(kind.into()), 0, 1);
        assert!(broken(io::ErrorKind::InvalidInput).await.is_err());
        for passing in [io::ErrorKind::ConnectionAborted, io::ErrorKind::Other] {
            assert!(matches!(broken(passing).await, Ok(None)), "{passing}");
        }
    }
}
