//! Servers with `https`.

use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::super::Endpoint;
use super::*;

/// Starts a server that answers one request, and returns its URL and its certificate.
async fn start() -> (String, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/mcp",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = acceptor.accept(stream).await else {
            return;
        };
        let _ = stream.read(&mut [0; 4096]).await;
        let body = result(1);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
        let reply = format!("{head} {}\r\n\r\n{body}", body.len());
        stream.write_all(reply.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    (url, certificate)
}

#[tokio::test]
async fn only_a_trusted_certificate_is_accepted() {
    for is_trusted in [true, false] {
        let (url, certificate) = start().await;
        let mut roots = RootCertStore::empty();
        if is_trusted {
            roots.add(certificate).unwrap();
        }
        let received = Arc::new(Received::default());
        let receive: Arc<dyn Receive> = Arc::clone(&received) as _;
        let endpoint = Endpoint::new(&url, Vec::new(), receive, Some(roots)).unwrap();
        let transport = HttpTransport::from(endpoint);
        let sent = timeout(TIME_LIMIT, transport.send(request(1, MODERN)).future())
            .await
            .unwrap();
        if is_trusted {
            sent.unwrap();
            assert_eq!(received.take().len(), 1);
        } else {
            let error = sent.unwrap_err().to_string();
            assert!(error.contains("invalid peer certificate"), "{error}");
        }
    }
}
