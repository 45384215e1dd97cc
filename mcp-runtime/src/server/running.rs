//! The start of a server, and a server that was started.

use std::io;
use std::sync::{Arc, Once};
use std::time::Duration;

#[cfg(feature = "proxy")]
use super::built::Assembled;
use super::built::Shared;
use super::shutdown::{ServerState, turns_true};
#[cfg(feature = "skills")]
use super::skills;
use super::{ServeError, Server, keys};
#[cfg(feature = "audit")]
use crate::audit::DigestKey;
#[cfg(feature = "auth")]
use crate::auth::{Revocation, Revoked};
use crate::cluster::Cluster;
use crate::dispatch::{self, Core, Dispatch};
use crate::opaque::opaque_debug;
use crate::questions::{PendingRequests, Replay};
use crate::seal::Sealer;
#[cfg(feature = "audit")]
use crate::seal::random_bytes;
use crate::service::Service;
use crate::session::Sessions;
#[cfg(feature = "http")]
use crate::session::Tokens;
use crate::store::Store;
use crate::transport::custom::{self, Transport};
#[cfg(feature = "http")]
use crate::transport::http::{HttpOptions, HttpService, StreamLog};

/// The warning of a build whose panics end the process; `None` for other builds.
const ABORT_WARNING: Option<&str> = if cfg!(panic = "abort") {
    Some(
        "this build has `panic = \"abort\"`: a handler that panics ends the process, and all calls with it",
    )
} else {
    None
};

/// Logs [`ABORT_WARNING`] once per process.
fn warn_of_aborts() {
    static WARNED: Once = Once::new();
    if let Some(warning) = ABORT_WARNING {
        WARNED.call_once(|| tracing::warn!("{warning}"));
    }
}

impl Server {
    /// Builds the server and starts its lifespans, to serve several connections of a [`Transport`].
    ///
    /// ```no_run
    /// use mcp_runtime::{RunningServer, ServeError, Server, Transport};
    ///
    /// async fn serve(server: Server, mut accept: impl AsyncFnMut() -> Option<Socket>) -> Result<(), ServeError> {
    ///     let running = server.start().await?;
    ///     while let Some(socket) = accept().await {
    ///         let running = running.clone();
    ///         tokio::spawn(async move { running.serve(socket).await });
    ///     }
    ///     running.stop().await;
    ///     Ok(())
    /// }
    /// # struct Socket;
    /// # impl Transport for Socket {
    /// #     async fn receive(&self) -> std::io::Result<Option<Vec<u8>>> { Ok(None) }
    /// #     async fn send(&self, _: String) -> std::io::Result<()> { Ok(()) }
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started.
    pub async fn start(self) -> Result<RunningServer, ServeError> {
        warn_of_aborts();
        let mut built = self.build()?;
        let server = &mut built.server;
        #[cfg(feature = "audit")]
        server.start_audits()?;
        let grace = server.limits.shutdown_grace;
        #[cfg(feature = "proxy")]
        let review = std::mem::take(&mut server.review);
        // Boxed, because the future of the caller contains it.
        let shared = Box::pin(server.shared()).await?;
        let state = Arc::clone(&server.state);
        let searched = built.searched.clone();
        let (core, mut all) = built.assemble(&shared);
        dispatch::connect(&core);
        if let Some(cluster) = &shared.cluster {
            cluster.start();
        }
        for assembled in &mut all {
            if let Err(error) = assembled.start(&state).await {
                state.stop_lifespans(grace).await;
                if let Some(cluster) = &shared.cluster {
                    cluster.stop().await;
                }
                return Err(ServeError::Start(error));
            }
        }
        #[cfg(feature = "otel")]
        if let Some(otel) = &core.observer.otel {
            otel.start();
        }
        #[cfg(feature = "proxy")]
        let mut proxies = Vec::new();
        for assembled in all {
            #[cfg(feature = "proxy")]
            if let Some(upstream) = assembled.proxied {
                proxies.push((upstream, Arc::clone(&assembled.state)));
            }
            #[cfg(feature = "skills")]
            for folder in assembled.skill_folders {
                skills::watch(folder, &assembled.core, &state);
            }
            assembled.state.begin(assembled.core, &state);
        }
        if let Some(keys) = core.context.cluster.as_ref().and_then(|it| it.keys()) {
            keys::watch(keys, &state);
        }
        searched.set(&core);
        #[cfg(feature = "proxy")]
        Assembled::start_proxies(proxies, &review, &state).await;
        Ok(RunningServer { core, state })
    }

    #[cfg(feature = "audit")]
    fn start_audits(&mut self) -> Result<(), ServeError> {
        for audit in std::mem::take(&mut self.audits) {
            let audit = audit.start();
            let audit = audit.map_err(|error| ServeError::Start(error.into()))?;
            self.observer.audits.push(audit);
        }
        let key = self
            .audit_key
            .take()
            .map_or_else(random_bytes, |key| Ok(*key));
        let key = key.map_err(|error| ServeError::Start(error.into()))?;
        self.observer.audit_key = Some(Box::new(DigestKey::new(&key)));
        Ok(())
    }
}

impl Server {
    /// Returns what all servers that are mounted in this one share, and joins the replicas.
    ///
    /// # Errors
    /// Returns an error if the store of the replicas cannot be used.
    async fn shared(&mut self) -> Result<Shared, ServeError> {
        let answer_timeout = self.limits.answer_timeout;
        let cluster = join(self.cluster.take()).await?;
        let session_keys = std::mem::take(&mut self.session_keys);
        let sealer = keys::sealer(session_keys, cluster.as_deref()).await;
        let sealer = sealer.map_err(ServeError::Start)?;
        let pending = pending_requests(cluster.as_deref(), &sealer, answer_timeout);
        let used_states = self.used_states.take();
        let replay = Replay::new(sealer, answer_timeout, used_states, cluster.clone());
        Ok(Shared {
            replay: Arc::new(replay),
            pending_requests: Arc::new(pending),
            #[cfg(feature = "auth")]
            revocation: Arc::new(Revocation {
                revoked: Revoked::new(cluster.clone()),
                ways: self.http.protection.ways.clone(),
            }),
            cluster,
        })
    }
}

/// Adds the server to the replicas that share a store.
///
/// # Errors
/// Returns an error if the store cannot be used.
async fn join(store: Option<Arc<dyn Store>>) -> Result<Option<Arc<Cluster>>, ServeError> {
    let Some(store) = store else {
        return Ok(None);
    };
    match Cluster::join(store).await {
        Ok(cluster) => Ok(Some(cluster)),
        Err(error) => Err(ServeError::Start(
            format!("the store of the replicas cannot be used: {error}").into(),
        )),
    }
}

/// Returns the questions to sessions, which are those of a replica if the server is one of several.
fn pending_requests(
    cluster: Option<&Cluster>,
    sealer: &Arc<Sealer>,
    answer_timeout: Duration,
) -> PendingRequests {
    let pending = PendingRequests::new(Arc::new(Sessions::new()), answer_timeout);
    match cluster {
        Some(cluster) => pending.of_replica(cluster.replica(), Arc::clone(sealer)),
        None => pending,
    }
}

/// A started server. Clones share it.
///
/// ```no_run
/// # async fn serve(server: mcp_runtime::Server, socket: impl mcp_runtime::Transport) -> Result<(), mcp_runtime::ServeError> {
/// let running = server.start().await?;
/// running.serve(socket).await?;
/// running.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RunningServer {
    core: Arc<Core>,
    pub(super) state: Arc<ServerState>,
}

opaque_debug!(RunningServer);

impl RunningServer {
    /// Serves one connection until its client sends no more messages, or until the server is stopped.
    ///
    /// # Errors
    /// Returns an error if the connection fails.
    pub async fn serve(&self, transport: impl Transport) -> Result<(), ServeError> {
        let served = self.serve_connection(transport).await;
        served.map_err(ServeError::Io)
    }

    pub(super) async fn serve_connection(&self, transport: impl Transport) -> io::Result<()> {
        let open = self.state.connection();
        let served = custom::serve(self.service(), transport, turns_true(open.clone())).await;
        drop(open);
        served
    }

    /// Ends all connections of [`RunningServer::serve`], waits for them, and stops the states of
    /// [`Server::lifespan`](crate::Server::lifespan). See [`ServerHandle::stop`](crate::ServerHandle::stop).
    pub async fn stop(self) {
        self.state.stop().await;
    }

    pub(crate) fn service(&self) -> Arc<dyn Service> {
        Arc::new(Dispatch(Arc::clone(&self.core)))
    }

    #[cfg(feature = "http")]
    pub(super) fn http(&self, options: HttpOptions) -> HttpService {
        let sealer = Arc::clone(&self.core.context.replay.sealer);
        let cluster = self.core.context.cluster.as_ref();
        let log = cluster.map(|cluster| {
            let grace = self.core.limits.shutdown_grace;
            StreamLog::new(Arc::clone(cluster), self.state.draining(), grace)
        });
        HttpService::new(self.service(), Tokens::new(sealer), options, log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Change;
    use crate::registry::{Handler, Resource};
    use crate::transport::memory::Memory;

    const README: &str = "text://readme";

    /// Returns a client that has completed the handshake.
    async fn client(running: &RunningServer) -> Memory {
        let client = Memory::new(running.service());
        let hello = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}"#;
        assert!(ask(&client, "initialize", hello).await.contains("result"));
        client
    }

    async fn ask(client: &Memory, method: &str, params: &str) -> String {
        let message =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        client.send(message.into_bytes()).await.expect("a reply")
    }

    /// Sessions beyond the limit are refused, and do not evict the subscriptions of earlier sessions.
    #[tokio::test]
    async fn ten_thousand_sessions_end_no_subscription_of_another() {
        let readme = Resource::define(
            README,
            "readme",
            Handler::Inline(Arc::new(|_| Err("none".into()))),
        );
        let running = Server::new("test", "1").with(readme).start().await.unwrap();
        let params = format!(r#"{{"uri":"{README}"}}"#);
        let victim = client(&running).await;
        ask(&victim, "resources/subscribe", &params).await;
        let is_notified = || {
            running
                .core
                .context
                .bus
                .tell(&Change::Resource(crate::uri_template::Uri::new(README)));
            victim.take_messages(|_| true).len() == 1
        };
        for _ in 0..10_001 {
            let reply = ask(&client(&running).await, "resources/unsubscribe", &params).await;
            assert!(reply.contains("result"), "{reply}");
        }
        assert!(is_notified());
        for (method, params) in [
            ("resources/subscribe", params.as_str()),
            ("logging/setLevel", r#"{"level":"error"}"#),
        ] {
            let mut refused = 0;
            for _ in 0..10_001 {
                let reply = ask(&client(&running).await, method, params).await;
                refused += usize::from(reply.contains("-32603"));
            }
            // The victim has a subscription and no level.
            let expected = if method == "logging/setLevel" { 1 } else { 2 };
            assert_eq!(refused, expected, "{method}");
        }
        assert!(is_notified());
    }
}
