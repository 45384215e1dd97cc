//! Encrypted connections to a server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mcp_runtime::{Auth, Server, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::authority::{Authority, Certified};
use crate::fixture::components;
use crate::http::{Reply, exchange, request, start};

/// Returns TLS with the files of [`Authority::certify_server`].
pub(crate) fn tls(authority: &Authority) -> Tls {
    Tls::from_files(authority.path("server.pem"), authority.path("server.key"))
}

/// Starts a server with a certificate of this authority.
pub(crate) async fn start_encrypted(authority: &Authority, server: Server) -> SocketAddr {
    authority.certify_server();
    start(server.tls(tls(authority))).await
}

/// Starts a server whose callers have certificates of this authority.
pub(crate) async fn start_mutual(authority: &Authority) -> SocketAddr {
    let way = Auth::mutual_tls(authority.file());
    start_encrypted(authority, components().auth(way)).await
}

pub(crate) async fn connect(
    address: SocketAddr,
    config: ClientConfig,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// Returns the address of a tunnel: what is sent there arrives at the server over TLS, with this configuration.
pub(crate) async fn tunnel(server: SocketAddr, config: ClientConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut plain, _)) = listener.accept().await {
            let config = config.clone();
            tokio::spawn(async move {
                if let Ok(mut encrypted) = connect(server, config).await {
                    let _ = copy_bidirectional(&mut plain, &mut encrypted).await;
                }
            });
        }
    });
    address
}

/// Returns the address of a tunnel with this client certificate.
pub(crate) async fn tunnel_with(
    server: SocketAddr,
    authority: &Authority,
    own: &Certified,
) -> SocketAddr {
    tunnel(server, authority.client_config(Some(own))).await
}

/// Sends `GET` for this path, and returns the response.
pub(crate) async fn get(server: SocketAddr, config: ClientConfig, path: &str) -> Reply {
    let bytes = request(&format!("GET {path}"), &[], "");
    exchange(tunnel(server, config).await, &bytes).await
}

/// Sends `GET /health`. Returns an error if the server refuses the connection, which a client of TLS 1.3 notices when it reads.
pub(crate) async fn health(server: SocketAddr, config: ClientConfig) -> io::Result<String> {
    let mut stream = connect(server, config).await?;
    stream.write_all(&request("GET /health", &[], "")).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}
