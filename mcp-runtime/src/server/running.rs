//! The start of a server, and a server that was started.

use std::io;
use std::sync::{Arc, Once};

use super::shutdown::{ServerState, turns_true};
use super::{BuildError, ServeError, Server, keys};
#[cfg(feature = "audit")]
use crate::audit::DigestKey;
use crate::bus::Bus;
use crate::call::ServerContext;
use crate::dispatch::{Core, Dispatch, Identity, Policies, SearchedServer, search_tools};
use crate::logs;
use crate::opaque::opaque_debug;
use crate::questions::{self, Replay};
use crate::registry::Registry;
#[cfg(feature = "audit")]
use crate::seal::random_bytes;
use crate::service::Service;
use crate::session::Sessions;
#[cfg(feature = "http")]
use crate::session::Tokens;
use crate::session_data::{DataLimits, DataStore};
use crate::transport::custom::{self, Transport};
#[cfg(feature = "http")]
use crate::transport::http::{HttpOptions, HttpService};

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
    pub async fn start(mut self) -> Result<RunningServer, ServeError> {
        warn_of_aborts();
        let lifespans = std::mem::take(&mut self.lifespans);
        let (registry, searched) = self.build()?;
        let sealer = keys::sealer(&self.session_keys).map_err(ServeError::Start)?;
        #[cfg(feature = "audit")]
        self.start_audits()?;
        for lifespan in lifespans {
            match lifespan.start(&mut self.states).await {
                Ok(stop) => self.state.push_stop(stop),
                Err(error) => {
                    self.state.stop_lifespans(self.limits.shutdown_grace).await;
                    return Err(ServeError::Start(error));
                }
            }
        }
        let answer_timeout = self.limits.answer_timeout;
        let data_limits = DataLimits::of(&self.limits);
        logs::announce(&self.forwarded);
        let replay = Replay::new(Arc::new(sealer), answer_timeout, self.used_states);
        let context = ServerContext {
            states: self.states,
            access: self.access,
            #[cfg(feature = "auth")]
            local: self.local,
            bus: Arc::new(Bus::new(self.limits.listeners)),
            replay: Arc::new(replay),
            pending_requests: questions::PendingRequests::new(
                Arc::new(Sessions::new()),
                answer_timeout,
            ),
            session_data: DataStore::new(self.session_store, data_limits),
            forwarded: self.forwarded,
            timeout: self.timeout,
            warned: Once::new(),
            mask_errors: self.mask_errors,
        };
        #[cfg(feature = "otel")]
        if let Some(otel) = &self.observer.otel {
            otel.start();
        }
        let identity = Identity::new(self.about);
        let core = Arc::new(Core::new(
            registry,
            context,
            identity,
            self.limits,
            Policies {
                layers: self.layers,
                visibility: self.visibility,
                rate: self.rate,
                dialect: self.dialect,
            },
            self.observer,
        ));
        searched.set(&core);
        self.state.begin(Arc::clone(&core));
        Ok(RunningServer {
            core,
            state: self.state,
        })
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

    /// Returns the components, and the server that their search needs once it has started.
    fn build(&mut self) -> Result<(Registry, SearchedServer), BuildError> {
        let mut components = std::mem::take(&mut self.components);
        self.selection.apply(&mut components);
        if !self.access.is_enforced {
            components.refuse_scopes();
        }
        if components.hide_some() {
            self.visibility.hide();
        }
        let searched = SearchedServer::default();
        if let Some(search) = &self.tool_search {
            components.begin_with(search_tools(search, &searched));
        }
        let (states, search) = (&self.state_types, self.tool_search.take());
        let registry = Registry::build(components, self.page_size, search, |needed| {
            states.contains(&needed.0)
        });
        Ok((registry.map_err(BuildError)?, searched))
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
        HttpService::new(self.service(), Tokens::new(sealer), options)
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
