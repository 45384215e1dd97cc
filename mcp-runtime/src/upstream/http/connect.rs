//! The connections to a server: HTTP/1.1, with TLS for `https`. Idle connections are used again.

use std::error::Error;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use crate::service::BoxFuture;

/// The maximum time to connect: the lookup of the name, TCP and TLS.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The maximum time that an idle connection is kept. Common servers close theirs after 5 seconds; a request that is sent at
/// that moment would fail.
const IDLE_LIMIT: Duration = Duration::from_secs(4);

/// The time after which an open stream without data is tested by TCP, so that a server that has vanished is noticed.
const KEEPALIVE: Duration = Duration::from_secs(60);

pub(super) type HttpClient = Client<Connector, Full<Bytes>>;

type BoxError = Box<dyn Error + Send + Sync>;

/// Returns the certificate authorities of the system, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
///
/// # Errors
/// Returns an error if there are none.
pub(super) fn native_roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(
            "the system has no certificate authorities: install its package ca-certificates, or set SSL_CERT_FILE"
                .to_owned(),
        );
    }
    Ok(roots)
}

/// Returns a client that trusts these certificate authorities.
pub(super) fn client(roots: RootCertStore) -> Result<HttpClient, String> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(roots)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_LIMIT)
        .build(Connector(connector)))
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, String> {
    // The provider is named, because an application may have none as the default of its process.
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// A connector with a time limit.
#[derive(Clone)]
pub(super) struct Connector(HttpsConnector<HttpConnector>);

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connected = timeout(CONNECT_LIMIT, self.0.call(to));
        Box::pin(async move {
            connected
                .await
                .map_err(|_| format!("there is no connection after {CONNECT_LIMIT:?}"))?
        })
    }
}
