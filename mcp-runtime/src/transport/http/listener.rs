//! The built-in listener: one task per connection, a limit on connections, and graceful shutdown.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::HttpService;
use super::connection::Connection;
use super::encryption::Encryption;
use super::options::HttpOptions;
use super::refusal::Refusals;
use super::shares::{ConnectionGuard, ConnectionShares};
use super::sockets::Listener;
use super::starting::StartingService;
use super::timeouts::ConnectionTimeouts;
use crate::metrics::Metrics;
use crate::service::Limits;

/// The delay after a failed accept. The usual cause is a lack of file descriptors.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// The connections of a listener, from the start of the server to its end.
pub(crate) struct Connections {
    service: Arc<StartingService>,
    options: HttpOptions,
    limits: Limits,
    encryption: Encryption,
    shares: ConnectionShares,
    tasks: JoinSet<()>,
    refusals: Refusals,
    /// When this is dropped, each connection ends after its current request.
    stop: watch::Sender<()>,
}

impl Connections {
    pub(crate) fn new(
        options: HttpOptions,
        limits: Limits,
        encryption: Encryption,
        metrics: Metrics,
    ) -> Self {
        Self {
            service: Arc::new(StartingService::new(options.clone(), metrics)),
            options,
            limits,
            encryption,
            shares: ConnectionShares::default(),
            tasks: JoinSet::new(),
            refusals: Refusals::default(),
            stop: watch::Sender::new(()),
        }
    }

    /// Starts the server and accepts connections meanwhile, whose requests wait.
    pub(crate) async fn while_starting<T>(
        &mut self,
        listener: &impl Listener,
        start: impl Future<Output = T>,
    ) -> T {
        let mut start = pin!(start);
        match self.accept_until(listener, start.as_mut()).await {
            Ok(done) => done,
            // The listener reports the error again when the server has started.
            Err(_) => start.await,
        }
    }

    /// Serves the waiting requests, and all others, until `stopped` resolves.
    ///
    /// # Errors
    /// Returns an error if the socket cannot listen. Errors of single connections are logged.
    pub(crate) async fn serve(
        &mut self,
        listener: &impl Listener,
        service: HttpService,
        stopped: impl Future<Output = ()>,
    ) -> io::Result<()> {
        self.service.start(service);
        self.accept_until(listener, stopped).await
    }

    async fn accept_until<T>(
        &mut self,
        listener: &impl Listener,
        end: impl Future<Output = T>,
    ) -> io::Result<T> {
        let mut end = pin!(end);
        loop {
            let accepted = tokio::select! {
                biased;
                end = end.as_mut() => return Ok(end),
                Some(_) = self.tasks.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            if is_lacking_descriptors(&accepted) && self.shares.evict() {
                self.wait_for_descriptor().await;
                continue;
            }
            let Some((stream, peer)) = accept(accepted).await? else {
                continue;
            };
            let timeouts = Arc::new(ConnectionTimeouts::new(&self.limits));
            if let Some(share) = self.share_of(peer, &timeouts) {
                let connection = self.connection(peer, Arc::clone(&timeouts));
                timeouts.set_task(self.tasks.spawn(async move {
                    let _share = share;
                    connection.run(stream).await;
                }));
            } else if !self.encryption.is_on() {
                // The response is not encrypted.
                self.refusals.refuse(stream);
            }
        }
    }

    fn connection(
        &self,
        peer: Option<SocketAddr>,
        timeouts: Arc<ConnectionTimeouts>,
    ) -> Connection {
        Connection {
            peer,
            encryption: self.encryption.clone(),
            service: Arc::clone(&self.service),
            timeouts,
            stop: self.stop.subscribe(),
        }
    }

    /// Waits until a connection has ended, for at most the delay after a failed accept.
    async fn wait_for_descriptor(&mut self) {
        // Both outcomes are followed by another accept.
        let _ = tokio::time::timeout(RETRY_DELAY, self.tasks.join_next()).await;
    }

    /// Counts a new connection. Returns `None` if it is refused, because its peer or the server has the maximum of connections.
    fn share_of(
        &self,
        peer: Option<SocketAddr>,
        timeouts: &Arc<ConnectionTimeouts>,
    ) -> Option<ConnectionGuard> {
        let limit = self.limits.connections;
        let share = if self.tasks.len() >= limit {
            Err(limit)
        } else {
            let is_proxy = self.options.is_proxy(peer.map(|peer| peer.ip()));
            self.shares.take(peer, is_proxy, limit, timeouts)
        };
        share
            .inspect_err(|limit| {
                self.service.metrics.refused("connections");
                let peer = peer.map(tracing::field::display);
                tracing::warn!(peer, limit, "too many connections: refusing the new one");
            })
            .ok()
    }

    /// Closes the connections. Responses that are being sent have a grace period to end; requests that still wait for the
    /// start are answered with 503.
    pub(crate) async fn close(self) {
        self.service.end();
        drop(self.stop);
        close(self.tasks, self.limits.shutdown_grace).await;
    }
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

/// Returns `true` if the process or the system has too many open files.
#[cfg(unix)]
fn is_lacking_descriptors<S>(accepted: &io::Result<S>) -> bool {
    use rustix::io::Errno;
    let error = accepted.as_ref().err().and_then(Errno::from_io_error);
    matches!(error, Some(Errno::MFILE | Errno::NFILE))
}

/// Returns `false`: sockets are not file descriptors.
#[cfg(not(unix))]
fn is_lacking_descriptors<S>(_: &io::Result<S>) -> bool {
    false
}

/// An accepted connection, with the address of its peer.
type Accepted<S> = (S, Option<SocketAddr>);

/// Returns the accepted connection, or `None` if it failed.
///
/// # Errors
/// Returns an error if the listener can accept no further connections.
async fn accept<S>(accepted: io::Result<Accepted<S>>) -> io::Result<Option<Accepted<S>>> {
    match accepted {
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
        let broken = |kind: io::ErrorKind| accept::<()>(Err(kind.into()));
        assert!(broken(io::ErrorKind::InvalidInput).await.is_err());
        for passing in [io::ErrorKind::ConnectionAborted, io::ErrorKind::Other] {
            assert!(matches!(broken(passing).await, Ok(None)), "{passing}");
        }
    }
}
