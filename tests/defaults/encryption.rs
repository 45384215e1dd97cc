//! TLS of the listener.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::Tls;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::local::{Socket, listen, server};
use super::page::row;

/// The files of a server's certificate and key.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.renew();
        files
    }

    fn certificate(&self) -> PathBuf {
        self.0.path().join("server.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("server.key")
    }

    /// Writes a new certificate and its key.
    fn renew(&self) -> CertificateDer<'static> {
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(self.certificate(), certificate.pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
        certificate.der().clone()
    }

    fn tls(&self) -> Tls {
        Tls::from_files(self.certificate(), self.key())
    }
}

/// Returns `true` if a client that trusts this certificate alone is served.
async fn serves(address: SocketAddr, certificate: &CertificateDer<'static>) -> bool {
    let health = async {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("localhost").unwrap();
        let socket = TcpStream::connect(address).await?;
        let mut stream = connector.connect(name, socket).await?;
        let health = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(health).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        io::Result::Ok(text)
    };
    let answer = health.await;
    answer.is_ok_and(|text| text.starts_with("HTTP/1.1 200"))
}

#[tokio::test(start_paused = true)]
async fn handshake_time() {
    let row = row("header-time").means("the handshake of TLS");
    row.says("the connection is closed");
    let files = Files::new();
    let address = listen(server().tls(files.tls())).await;
    // Nothing, and the beginning of a handshake.
    for sent in [&[][..], &[22, 3, 1, 2, 0, 1, 0]] {
        let mut socket = Socket::open(address).await;
        socket.0.write_all(sent).await.unwrap();
        let time = socket.closed_after().await;
        let second = Duration::from_secs(1);
        assert!(
            (row.time()..row.time() + second).contains(&time),
            "{time:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn renewed_certificates() {
    let row = row("certificate-check");
    row.says("new connections use them");
    let files = Files::new();
    let first = files.renew();
    let address = listen(server().tls(files.tls())).await;
    assert!(serves(address, &first).await);
    let second = files.renew();
    let last = Duration::from_secs(1);
    for (passed, is_renewed) in [(row.time().saturating_sub(last), false), (last, true)] {
        tokio::time::advance(passed).await;
        assert_eq!(serves(address, &second).await, is_renewed);
        assert_eq!(serves(address, &first).await, !is_renewed);
    }
}

/// Appends a comment, up to this size.
fn lengthen(path: &Path, bytes: usize) {
    let mut text = std::fs::read_to_string(path).unwrap();
    text.extend(std::iter::repeat_n("#\n", (bytes - text.len()) / 2));
    text.extend(std::iter::repeat_n('\n', bytes - text.len()));
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn sizes_of_files() {
    let row = row("certificate-size");
    row.says("the server does not start");
    for beyond in [0, 1] {
        for is_key in [false, true] {
            let files = Files::new();
            let path = if is_key {
                files.key()
            } else {
                files.certificate()
            };
            lengthen(&path, row.number() + beyond);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stopped = std::future::ready(());
            let server = server().tls(files.tls());
            let outcome = server.serve_listener_with_shutdown(listener, stopped).await;
            let error = outcome.err().map(|error| error.to_string());
            let is_refused = error.is_some_and(|error| error.contains("larger than 1 MiB"));
            assert_eq!(is_refused, beyond == 1, "{}", path.display());
        }
    }
}
