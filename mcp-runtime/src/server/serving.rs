//! The functions of a server that serve a transport.

use std::future::Future;
use std::io;
#[cfg(feature = "http")]
use std::net::SocketAddr;
#[cfg(all(feature = "http", unix))]
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "http")]
use tokio::net::{TcpListener, ToSocketAddrs};
#[cfg(feature = "http")]
use tokio::sync::Mutex;

use super::shutdown::turns_true;
use super::{RunningServer, ServeError, Server, signals};
use crate::service::TransportKind;
use crate::transport::custom::Transport;
#[cfg(all(feature = "http", unix))]
pub(crate) use crate::transport::http::UnixSocket;
#[cfg(feature = "http")]
use crate::transport::http::{self, Encryption, HttpOptions, HttpService};
use crate::transport::stdio;

impl Server {
    /// Serves the process's stdin and stdout until stdin ends, or until the process receives Ctrl-C or SIGTERM.
    ///
    /// [`ServerHandle::stop`](crate::ServerHandle::stop) describes the shutdown.
    ///
    /// # Signals of a program that goes on
    /// After this function has returned, SIGTERM and Ctrl-C end the process, as they do in a program without handlers, also if
    /// the program has handlers of its own. A program that handles signals itself uses [`Server::serve_stdio_with_shutdown`],
    /// which handles none. On Windows, Ctrl-C is ignored after this function has returned. The same holds for the other
    /// functions that wait for signals.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if a stream fails.
    pub async fn serve_stdio(self) -> Result<(), ServeError> {
        let (_guard, signal) = signals::install();
        self.serve_stdio_with_shutdown(signal).await
    }

    /// Serves stdin and stdout like [`Server::serve_stdio`], until stdin ends or `shutdown` resolves.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if a stream fails.
    pub async fn serve_stdio_with_shutdown(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        self.serve_until(shutdown, async |running| serve_stdio(running).await)
            .await
    }

    /// Serves two byte streams, such as the halves of a socket, with the framing of stdio, until the input ends.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if a stream fails.
    pub async fn serve_streams<R, W>(self, reader: R, writer: W) -> Result<(), ServeError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        self.serve_streams_with_shutdown(reader, writer, std::future::pending())
            .await
    }

    /// Serves two byte streams like [`Server::serve_streams`], until the input ends or `shutdown` resolves.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if a stream fails.
    pub async fn serve_streams_with_shutdown<R, W>(
        self,
        reader: R,
        writer: W,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        self.serve_until(shutdown, async |running| {
            let open = running.state.connection();
            let stopped = turns_true(open.clone());
            let served = stdio::serve_streams(
                running.service(),
                TransportKind::Custom,
                reader,
                writer,
                stopped,
            )
            .await;
            drop(open);
            served
        })
        .await
    }

    /// Serves one connection of a [`Transport`] until its client sends no more messages.
    ///
    /// [`Server::start`] serves several connections.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the connection fails.
    pub async fn serve(self, transport: impl Transport) -> Result<(), ServeError> {
        self.serve_with_shutdown(transport, std::future::pending())
            .await
    }

    /// Serves one connection like [`Server::serve`], until its client sends no more messages or `shutdown` resolves.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the connection fails.
    pub async fn serve_with_shutdown(
        self,
        transport: impl Transport,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        self.serve_until(shutdown, async |running| {
            running.serve_connection(transport).await
        })
        .await
    }

    /// Serves Streamable HTTP at `http://ADDRESS/mcp`, or at the path of [`Server::http_path`], until the process receives
    /// Ctrl-C or SIGTERM.
    ///
    /// With `Server::tls` (feature `tls`), connections are encrypted, and the scheme is `https`.
    ///
    /// An address that other machines can reach needs [authorization](Server::auth), unless [`Server::insecure`] is set.
    ///
    /// Only requests for localhost are answered unless [`Server::allow_host`] and [`Server::allow_origin`] allow others.
    /// `GET /health` answers 200 while the process runs. `GET /ready` answers 200 while the server accepts requests, and 503
    /// with the reason while it starts or stops.
    ///
    /// [`ServerHandle::stop`](crate::ServerHandle::stop) describes the shutdown, and [`Server::serve_stdio`] what signals do
    /// afterwards. A second signal ends the process at once, with the exit code 128 + its number.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, if the address cannot be bound, or if the files of TLS cannot be
    /// used.
    #[cfg(feature = "http")]
    pub async fn serve_http(self, address: impl ToSocketAddrs) -> Result<(), ServeError> {
        let (_guard, signal) = signals::install();
        self.serve_http_with_shutdown(address, signal).await
    }

    /// Serves Streamable HTTP like [`Server::serve_http`], until `shutdown` resolves.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the address cannot be bound.
    #[cfg(feature = "http")]
    pub async fn serve_http_with_shutdown(
        self,
        address: impl ToSocketAddrs,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let listener = TcpListener::bind(address).await.map_err(ServeError::Bind)?;
        self.serve_listener_with_shutdown(listener, shutdown).await
    }

    /// Serves Streamable HTTP like [`Server::serve_http`], with the same signals, on a listener that is already bound.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the listener fails.
    #[cfg(feature = "http")]
    pub async fn serve_listener(self, listener: TcpListener) -> Result<(), ServeError> {
        let (_guard, signal) = signals::install();
        self.serve_listener_with_shutdown(listener, signal).await
    }

    /// Serves Streamable HTTP like [`Server::serve_listener`], until `shutdown` resolves.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the listener fails.
    #[cfg(feature = "http")]
    pub async fn serve_listener_with_shutdown(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        if let Some(address) = self.refuse_exposure(&listener)? {
            tracing::warn!(%address, "other machines can reach the server, which has no authorization");
        }
        let encryption = self.encryption()?;
        self.serve_sockets(listener, encryption, shutdown).await
    }

    /// Returns the encryption of the connections of a TCP listener.
    ///
    /// # Errors
    /// Returns an error if the files of TLS cannot be used, or if client certificates are needed and there is no TLS.
    #[cfg(feature = "http")]
    #[cfg_attr(
        not(feature = "tls"),
        allow(clippy::unused_self, clippy::unnecessary_wraps)
    )] // there is none
    pub(crate) fn encryption(&self) -> Result<Encryption, ServeError> {
        #[cfg(feature = "tls")]
        return self.tls_encryption();
        #[cfg(not(feature = "tls"))]
        Ok(Encryption::default())
    }

    /// Returns the address if everybody on a network can use the server.
    ///
    /// # Errors
    /// Returns an error if the application has not allowed that.
    #[cfg(feature = "http")]
    pub(crate) fn refuse_exposure(
        &self,
        listener: &TcpListener,
    ) -> Result<Option<SocketAddr>, ServeError> {
        let address = listener.local_addr().map_err(ServeError::Bind)?;
        if address.ip().to_canonical().is_loopback() || self.access.is_enforced {
            Ok(None)
        } else if self.http.is_insecure {
            Ok(Some(address))
        } else {
            Err(ServeError::Exposed(address))
        }
    }

    /// Starts the server and returns it as a `tower::Service`, which mounts into an axum or hyper application at any path.
    ///
    /// The application stops it with [`ServerHandle::stop`](crate::ServerHandle::stop).
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started.
    #[cfg(feature = "http")]
    pub async fn into_service(self) -> Result<HttpService, ServeError> {
        let mut options = self.http_options();
        options.path = None;
        Ok(self.start().await?.http(options))
    }

    /// Serves Streamable HTTP on a Unix socket that only the user of this process can open, until the process receives Ctrl-C
    /// or SIGTERM. The path of the endpoint and the signals are those of [`Server::serve_http`].
    ///
    /// A socket file on which no server answers is replaced. The file is removed at the end.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    /// use tokio::net::UnixStream;
    ///
    /// /// Say hello.
    /// #[tool]
    /// async fn hello() -> &'static str {
    ///     "Hello!"
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let path = std::env::temp_dir().join(format!("app-{}.sock", std::process::id()));
    /// let server = Server::new("app", "1.0.0").with(components![hello]);
    /// let handle = server.handle();
    /// let serving = tokio::spawn(server.serve_unix(path.clone()));
    /// # while !path.exists() && !serving.is_finished() {
    /// #     tokio::task::yield_now().await;
    /// # }
    /// let mut client = UnixStream::connect(&path).await?;
    /// client.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    /// let mut reply = String::new();
    /// client.read_to_string(&mut reply).await?;
    /// assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
    /// handle.stop().await;
    /// serving.await??;
    /// assert!(!path.exists());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the socket cannot be bound: another server answers on
    /// it, or there is a file at this path that is not a socket.
    #[cfg(all(feature = "http", unix))]
    pub async fn serve_unix(self, path: impl AsRef<Path>) -> Result<(), ServeError> {
        let socket = UnixSocket::bind(path.as_ref()).map_err(ServeError::Bind)?;
        self.serve_unix_socket(socket).await
    }

    #[cfg(all(feature = "http", unix))]
    pub(crate) async fn serve_unix_socket(self, socket: UnixSocket) -> Result<(), ServeError> {
        let (_guard, signal) = signals::install();
        let encryption = Encryption::default();
        self.serve_sockets(socket, encryption, signal).await
    }

    /// Serves Streamable HTTP like [`Server::serve_unix`], until `shutdown` resolves.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the socket cannot be bound.
    #[cfg(all(feature = "http", unix))]
    pub async fn serve_unix_with_shutdown(
        self,
        path: impl AsRef<Path>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let socket = UnixSocket::bind(path.as_ref()).map_err(ServeError::Bind)?;
        let encryption = Encryption::default();
        self.serve_sockets(socket, encryption, shutdown).await
    }

    /// Returns the options of the endpoint.
    #[cfg(feature = "http")]
    fn http_options(&self) -> HttpOptions {
        #[allow(unused_mut)] // mutable with the feature `auth`
        let mut options = self.http.clone();
        #[cfg(feature = "auth")]
        {
            let name = self.about.title.as_ref().unwrap_or(&self.about.name);
            Arc::make_mut(&mut options.protection).name.clone_from(name);
        }
        options
    }

    /// Serves Streamable HTTP on connections without sockets, until its future is dropped.
    #[cfg(all(feature = "http", any(test, fuzzing)))]
    pub(crate) async fn serve_connections(self, listener: impl http::Listener) {
        let encryption = Encryption::default();
        let served = self
            .serve_sockets(listener, encryption, std::future::pending())
            .await;
        tracing::debug!(?served, "the connections ended");
    }

    #[cfg(feature = "http")]
    async fn serve_sockets(
        self,
        listener: impl http::Listener,
        encryption: Encryption,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let (options, limits) = (self.http_options(), self.limits.clone());
        let metrics = self.observer.metrics.clone();
        let connections = http::Connections::new(options.clone(), limits, encryption, metrics);
        // The start uses the connections first, and then the service.
        let connections = Mutex::new(connections);
        let (open, sockets) = (&connections, &listener);
        let start = async move |server: Self| {
            let mut open = open.lock().await;
            let started = open.while_starting(sockets, server.start()).await;
            Ok((started?, ()))
        };
        let served = self.start_and_serve(shutdown, start, async |running, ()| {
            let (service, stopped) = (running.http(options), running.state.stopped());
            let mut open = open.lock().await;
            open.serve(sockets, service, stopped).await
        });
        // Boxed, because the future of the caller contains it.
        let served = Box::pin(served).await;
        drop(listener);
        connections.into_inner().close().await;
        served
    }

    /// Starts the server, serves until the transport ends or `shutdown` resolves, and stops the server.
    ///
    /// `serve` must end when the server stops.
    async fn serve_until(
        self,
        shutdown: impl Future<Output = ()>,
        serve: impl AsyncFnOnce(&RunningServer) -> io::Result<()>,
    ) -> Result<(), ServeError> {
        let start = async |server: Self| Ok((server.start().await?, ()));
        let serve = async |running: &RunningServer, ()| serve(running).await;
        self.start_and_serve(shutdown, start, serve).await
    }

    /// Serves like [`Server::serve_until`], with a transport that `start` passes to `serve`.
    async fn start_and_serve<T>(
        self,
        shutdown: impl Future<Output = ()>,
        start: impl AsyncFnOnce(Self) -> Result<(RunningServer, T), ServeError>,
        serve: impl AsyncFnOnce(&RunningServer, T) -> io::Result<()>,
    ) -> Result<(), ServeError> {
        let mut shutdown = pin!(shutdown);
        let state = Arc::clone(&self.state);
        let grace = self.limits.shutdown_grace;
        let started = tokio::select! {
            biased;
            started = start(self) => Some(started?),
            () = shutdown.as_mut() => None,
        };
        let Some((running, transport)) = started else {
            state.stop_lifespans(grace).await;
            return Ok(());
        };
        let mut serving = pin!(serve(&running, transport));
        let ended = tokio::select! {
            served = serving.as_mut() => Some(served),
            () = shutdown => None,
        };
        let served = match ended {
            Some(served) => {
                state.stop().await;
                served
            }
            None => tokio::join!(serving, state.stop()).0,
        };
        served.map_err(ServeError::Io)
    }
}

async fn serve_stdio(running: &RunningServer) -> io::Result<()> {
    let open = running.state.connection();
    let stopped = turns_true(open.clone());
    let service = running.service();
    // A handler that blocks its thread blocks this task, but not the shutdown.
    let serving = tokio::spawn(async move {
        let served = stdio::serve(service, stopped).await;
        drop(open);
        served
    });
    tokio::select! {
        served = serving => served.unwrap_or_else(|error| Err(io::Error::other(error))),
        () = running.state.stopped() => Ok(()),
    }
}
