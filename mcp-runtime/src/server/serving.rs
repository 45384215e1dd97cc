//! The life of a server: it is built, started, served by a transport, and stopped.

use std::sync::{Arc, Once};

use super::handle::ServerState;
use super::{BuildError, ServeError, Server, keys, lifespan};
use crate::bus::Bus;
use crate::call::ServerContext;
use crate::dispatch::{Core, Dispatch, Identity};
use crate::logs;
use crate::questions::{self, Replay};
use crate::registry::Registry;
use crate::service::Service;
use crate::session::Sessions;
#[cfg(feature = "http")]
use crate::session::Tokens;
#[cfg(feature = "http")]
use crate::transport::http::{HttpOptions, HttpService};
use crate::transport::stdio;

/// The warning of a build whose panics end the process; `None` for other builds.
pub(crate) const ABORT_WARNING: Option<&str> = if cfg!(panic = "abort") {
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
    /// Serves the process's stdin and stdout until stdin ends, or until the process receives Ctrl-C or SIGTERM.
    ///
    /// Calls in flight then have [`Limits::shutdown_grace`](crate::Limits::shutdown_grace) to finish.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if a stream fails.
    pub async fn serve_stdio(self) -> Result<(), ServeError> {
        let running = self.start().await?;
        let served = stdio::serve(running.service(), shutdown_signal()).await;
        running.stop().await;
        Ok(served?)
    }

    /// Serves two byte streams, such as the halves of a socket, with the framing of stdio.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if a stream fails.
    pub async fn serve_streams<R, W>(self, reader: R, writer: W) -> Result<(), ServeError>
    where
        R: tokio::io::AsyncRead + Unpin,
        W: tokio::io::AsyncWrite + Unpin,
    {
        let running = self.start().await?;
        let served =
            stdio::serve_streams(running.service(), reader, writer, std::future::pending()).await;
        running.stop().await;
        Ok(served?)
    }

    /// Serves Streamable HTTP at `http://ADDRESS/mcp`, or at the path of [`Server::http_path`], until the process receives
    /// Ctrl-C or SIGTERM.
    ///
    /// Only requests for localhost are answered unless [`Server::allow_host`] and [`Server::allow_origin`] allow others.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the address cannot be bound.
    #[cfg(feature = "http")]
    pub async fn serve_http(
        self,
        address: impl tokio::net::ToSocketAddrs,
    ) -> Result<(), ServeError> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        self.serve_listener(listener).await
    }

    /// Serves Streamable HTTP like [`Server::serve_http`], on a listener that is already bound.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the listener fails.
    #[cfg(feature = "http")]
    pub async fn serve_listener(self, listener: tokio::net::TcpListener) -> Result<(), ServeError> {
        let options = self.http.clone();
        let running = self.start().await?;
        let service = running.http(options);
        let served = crate::transport::http::serve(listener, service, shutdown_signal()).await;
        running.stop().await;
        Ok(served?)
    }

    /// Starts the server and returns it as a `tower::Service`, which mounts into an axum or hyper application at any path.
    ///
    /// The states of [`Server::lifespan`] run until [`ServerHandle::stop`](crate::ServerHandle::stop) is called.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started.
    #[cfg(feature = "http")]
    pub async fn into_service(self) -> Result<HttpService, ServeError> {
        let mut options = self.http.clone();
        options.path = None;
        Ok(self.start().await?.http(options))
    }

    /// Builds the server and starts its lifespans.
    pub(crate) async fn start(mut self) -> Result<RunningServer, ServeError> {
        warn_of_aborts();
        let lifespans = std::mem::take(&mut self.lifespans);
        let registry = self.build()?;
        let mut stops = Vec::new();
        for lifespan in lifespans {
            match lifespan.start(&mut self.states).await {
                Ok(stop) => stops.push(stop),
                Err(error) => {
                    lifespan::stop_all(stops).await;
                    return Err(ServeError::Start(error));
                }
            }
        }
        let sealer = keys::sealer(&self.session_keys).map_err(ServeError::Start)?;
        let answer_timeout = self.limits.answer_timeout;
        logs::announce(&self.forwarded);
        let replay = Replay::new(Arc::new(sealer), answer_timeout, self.used_states);
        let context = ServerContext {
            states: self.states,
            bus: Arc::new(Bus::new(self.limits.listeners)),
            replay: Arc::new(replay),
            pending_requests: questions::PendingRequests::new(
                Arc::new(Sessions::new()),
                answer_timeout,
            ),
            forwarded: self.forwarded,
            mask_errors: self.mask_errors,
        };
        let identity = Identity::new(self.about);
        let core = Arc::new(Core::new(
            registry,
            context,
            identity,
            self.limits,
            self.layers,
        ));
        self.state.begin(Arc::clone(&core), stops);
        Ok(RunningServer {
            core,
            state: self.state,
        })
    }

    fn build(&mut self) -> Result<Registry, BuildError> {
        let mut components = std::mem::take(&mut self.components);
        self.selection.apply(&mut components);
        let states = &self.states;
        let later = &self.lifespan_states;
        Registry::build(components, self.page_size, |needed| {
            states.contains(needed.0) || later.iter().any(|state| state.0 == needed.0)
        })
        .map_err(BuildError)
    }
}

/// A started server.
pub(crate) struct RunningServer {
    core: Arc<Core>,
    state: Arc<ServerState>,
}

impl RunningServer {
    pub(crate) fn service(&self) -> Arc<dyn Service> {
        Arc::new(Dispatch(Arc::clone(&self.core)))
    }

    #[cfg(feature = "http")]
    fn http(&self, options: HttpOptions) -> HttpService {
        let sealer = Arc::clone(&self.core.context.replay.sealer);
        HttpService::new(self.service(), Tokens::new(sealer), options)
    }

    pub(crate) async fn stop(self) {
        self.state.stop().await;
    }
}

/// Resolves when the process receives SIGTERM or Ctrl-C.
async fn shutdown_signal() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminated = async {
            match signal(SignalKind::terminate()) {
                Ok(mut signals) => {
                    signals.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
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
