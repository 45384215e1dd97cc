//! The row of `docs/defaults.md` about encrypted bytes, on a pipe whose size is known.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::super::socket::Socket;
use super::super::timeouts::ConnectionTimeouts;
use super::{Tls, handshake};
use crate::defaults_page::row;
use crate::metrics::Metrics;
use crate::seal::unique;
use crate::service::Limits;

/// Returns the TLS of a new certificate, and a client that trusts it.
fn certified() -> (Tls, TlsConnector) {
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let section = |name: &str, bytes: &[u8]| {
        let text = STANDARD.encode(bytes);
        format!("-----BEGIN {name}-----\n{text}\n-----END {name}-----\n")
    };
    let path = std::env::temp_dir().join(format!("mcp-tls-{}.pem", unique()));
    let text =
        section("CERTIFICATE", certificate.der()) + &section("PRIVATE KEY", &key.serialize_der());
    std::fs::write(&path, text).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (
        Tls::from_files(&path, &path),
        TlsConnector::from(Arc::new(config)),
    )
}

#[tokio::test(start_paused = true)]
async fn few_encrypted_bytes_wait_for_a_client_that_does_not_read() {
    const PIPE: usize = 4 << 10;
    const PART: usize = 1 << 10;
    /// The largest overhead of a record.
    const OVERHEAD: usize = 64;
    let row = row("certificate-unsent");
    row.says("writes no further");
    let (tls, connector) = certified();
    let acceptor = Arc::new(tls.load(Vec::new(), false).unwrap());
    std::fs::remove_file(&tls.key).unwrap();
    let (near, far) = tokio::io::duplex(PIPE);
    let timeouts = Arc::new(ConnectionTimeouts::new(&Limits::default()));
    let open = Metrics::default().connected("http");
    let socket = Socket::new(far, timeouts, Arc::new(AtomicBool::new(false)), open);
    let name = ServerName::try_from("localhost").unwrap();
    let (client, server) =
        tokio::join!(connector.connect(name, near), handshake(&acceptor, socket));
    let (_client, (mut server, _)) = (client.unwrap(), server.unwrap());
    let mut written = 0;
    while let Ok(part) = timeout(Duration::from_secs(1), server.write(&[0; PART])).await {
        written += part.unwrap();
        assert!(written < 10 * row.number(), "everything is written");
    }
    // What waits here and in the pipe, which has the end of the handshake, too.
    let most = row.number() + PIPE;
    let least = row.number() - 2 * PART - most / PART * OVERHEAD;
    assert!((least..=most).contains(&written), "{written}");
}
