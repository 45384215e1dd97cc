//! The functions of a server that serve a transport.

use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "http")]
use tokio::net::{TcpListener, ToSocketAddrs};

use super::{ServeError, Server};
use crate::service::TransportKind;
use crate::transport::custom::{self, Transport};
#[cfg(feature = "http")]
use crate::transport::http::{self, HttpService};
use crate::transport::stdio;

impl Server {
    /// Serves the process's stdin and stdout until stdin ends, or until the process receives Ctrl-C or SIGTERM.
    ///
    /// Calls in flight then have [`Limits::shutdown_grace`](crate::Limits::shutdown_grace) to finish.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if a stream fails.
    pub async fn serve_stdio(self) -> Result<(), ServeError> {
        self.serve_stdio_with_shutdown(shutdown_signal()).await
    }

    /// Serves stdin and stdout like [`Server::serve_stdio`], until stdin ends or `shutdown` resolves.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if a stream fails.
    pub async fn serve_stdio_with_shutdown(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let running = self.start().await?;
        let served = stdio::serve(running.service(), shutdown).await;
        running.stop().await;
        served.map_err(ServeError::Io)
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
        let running = self.start().await?;
        let served = stdio::serve_streams(
            running.service(),
            TransportKind::Custom,
            reader,
            writer,
            shutdown,
        )
        .await;
        running.stop().await;
        served.map_err(ServeError::Io)
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
        let running = self.start().await?;
        let served = custom::serve(running.service(), transport, shutdown).await;
        running.stop().await;
        served.map_err(ServeError::Io)
    }

    /// Serves Streamable HTTP at `http://ADDRESS/mcp`, or at the path of [`Server::http_path`], until the process receives
    /// Ctrl-C or SIGTERM.
    ///
    /// Only requests for localhost are answered unless [`Server::allow_host`] and [`Server::allow_origin`] allow others.
    /// `GET /health` answers 200 while the process runs. `GET /ready` answers 200 while the server accepts requests, and 503
    /// with the reason while it starts or stops.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the address cannot be bound.
    #[cfg(feature = "http")]
    pub async fn serve_http(self, address: impl ToSocketAddrs) -> Result<(), ServeError> {
        self.serve_http_with_shutdown(address, shutdown_signal())
            .await
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

    /// Serves Streamable HTTP like [`Server::serve_http`], on a listener that is already bound.
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if the listener fails.
    #[cfg(feature = "http")]
    pub async fn serve_listener(self, listener: TcpListener) -> Result<(), ServeError> {
        self.serve_listener_with_shutdown(listener, shutdown_signal())
            .await
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
        let (options, limits) = (self.http.clone(), self.limits.clone());
        let starting = http::while_starting(&listener, &options, &limits, self.start());
        let (running, early) = starting.await;
        let running = running?;
        let service = running.http(options);
        let served = http::serve(listener, service, Some(early), shutdown).await;
        running.stop().await;
        served.map_err(ServeError::Io)
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
