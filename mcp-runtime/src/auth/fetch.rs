//! Requests for JSON documents: metadata, keys, and the introspection of tokens.
//!
//! A request follows no redirect, takes at most [`TIME_LIMIT`], and reads at most [`LARGEST`] bytes. Every address of a name
//! is checked, and the connection is made to a checked address, so that a second answer of the DNS changes nothing.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::ServerName;

use super::address::{Address, Reach};
use crate::trust::{client_config, native_roots};

/// The maximum time of a request, from the lookup of the name to the end of the document.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The maximum time to connect to one of the addresses of a name.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// The maximum size of a document in bytes.
const LARGEST: usize = 256 * 1024;

/// The reason why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FetchError {
    /// The host cannot be reached, must not be reached, or does not answer in time.
    Unreachable(String),
    /// The host answers with this status instead of 200.
    Status(StatusCode),
    /// The document is too large, or does not have the expected form.
    Document(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Document(why) => formatter.write_str(why),
            Self::Status(status) if status.is_redirection() => {
                write!(
                    formatter,
                    "the status is {status}, and redirects are not followed"
                )
            }
            Self::Status(status) => write!(formatter, "the status is {status}"),
        }
    }
}

/// A client for JSON documents.
#[derive(Clone)]
pub(super) struct Fetch {
    pub(super) reach: Reach,
    pub(super) time_limit: Duration,
    /// Created for the first `https` request.
    tls: Arc<OnceLock<TlsConnector>>,
}

impl Fetch {
    pub(super) fn new(reach: Reach) -> Self {
        Self {
            reach,
            time_limit: TIME_LIMIT,
            tls: Arc::default(),
        }
    }

    /// Reads a document.
    pub(super) async fn get<T: DeserializeOwned>(&self, from: &Address) -> Result<T, FetchError> {
        let request = request(Method::GET, from, Bytes::new())?;
        self.document(from, request).await
    }

    /// Sends a form with this value of the header `Authorization`, and reads the answer.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        to: &Address,
        authorization: &str,
        form: String,
    ) -> Result<T, FetchError> {
        let mut request = request(Method::POST, to, form.into())?;
        let headers = request.headers_mut();
        let authorization = authorization.parse().map_err(invalid)?;
        headers.insert(AUTHORIZATION, authorization);
        let form = "application/x-www-form-urlencoded";
        headers.insert(CONTENT_TYPE, form.parse().map_err(invalid)?);
        self.document(to, request).await
    }

    async fn document<T: DeserializeOwned>(
        &self,
        at: &Address,
        request: Request<Full<Bytes>>,
    ) -> Result<T, FetchError> {
        let late = || unreachable(format!("there is no answer after {:?}", self.time_limit));
        let bytes = timeout(self.time_limit, self.exchange(at, request))
            .await
            .map_err(|_| late())??;
        serde_json::from_slice(&bytes)
            .map_err(|error| FetchError::Document(format!("the document is not valid: {error}")))
    }

    async fn exchange(
        &self,
        with: &Address,
        request: Request<Full<Bytes>>,
    ) -> Result<Bytes, FetchError> {
        let stream = self.connect(with).await?;
        if !with.is_https {
            return send(stream, request).await;
        }
        let name = ServerName::try_from(with.host.clone()).map_err(unreachable)?;
        let stream = self.tls()?.connect(name, stream);
        send(stream.await.map_err(unreachable)?, request).await
    }

    async fn connect(&self, to: &Address) -> Result<TcpStream, FetchError> {
        let mut failure = unreachable("the name has no address");
        for address in self.resolve(to).await? {
            match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = unreachable(error),
                Err(_) => failure = unreachable("there is no connection after 2 s"),
            }
        }
        Err(failure)
    }

    /// Returns the addresses of a host, all of which may be reached.
    async fn resolve(&self, to: &Address) -> Result<Vec<SocketAddr>, FetchError> {
        let found = lookup_host((to.host.as_str(), to.port)).await;
        let found: Vec<_> = found.map_err(unreachable)?.collect();
        match found.iter().find(|found| !self.reach.allows(found.ip())) {
            Some(private) => Err(unreachable(format!(
                "the host has the address {}, which is not public",
                private.ip()
            ))),
            None => Ok(found),
        }
    }

    fn tls(&self) -> Result<&TlsConnector, FetchError> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let tls = connector(native_roots().map_err(unreachable)?)?;
        Ok(self.tls.get_or_init(|| tls))
    }

    /// Trusts these certificate authorities instead of those of the system.
    #[cfg(test)]
    pub(super) fn trust(&self, roots: RootCertStore) {
        if let Ok(tls) = connector(roots) {
            let _ = self.tls.set(tls);
        }
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Fetch");
        shown.field("reach", &self.reach).finish_non_exhaustive()
    }
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, FetchError> {
    let config = client_config(roots).map_err(unreachable)?;
    Ok(TlsConnector::from(Arc::new(config)))
}

fn request(method: Method, to: &Address, body: Bytes) -> Result<Request<Full<Bytes>>, FetchError> {
    Request::builder()
        .method(method)
        .uri(to.target())
        .header(HOST, to.authority())
        .header(ACCEPT, "application/json")
        .header(
            USER_AGENT,
            concat!("mcp-runtime/", env!("CARGO_PKG_VERSION")),
        )
        .body(Full::new(body))
        .map_err(invalid)
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Bytes, FetchError> {
    let connected = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connected.map_err(unreachable)?;
    // The set ends the connection when it is dropped.
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let response = sender.send_request(request).await;
    read(response.map_err(unreachable)?).await
}

async fn read(response: Response<Incoming>) -> Result<Bytes, FetchError> {
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| {
        FetchError::Document(format!(
            "the document is not complete or too large: {error}"
        ))
    })?;
    Ok(body.to_bytes())
}

fn unreachable(why: impl fmt::Display) -> FetchError {
    FetchError::Unreachable(format!("the host cannot be used: {why}"))
}

fn invalid(why: impl fmt::Display) -> FetchError {
    FetchError::Document(format!("the request cannot be sent: {why}"))
}
