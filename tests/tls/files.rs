//! The files of certificates and keys: mistakes at the start, and changes while the server runs.

use std::error::Error as _;
use std::time::Duration;

use mcp_runtime::{Auth, ServeError, Server};
use tokio::net::TcpListener;
use tokio_rustls::rustls::ClientConfig;

use crate::authority::{Authority, Certified, named};
use crate::fixture::{components, server};
use crate::http::start;
use crate::secure::{connect, health, tls};

/// Starts a server that does not start, and returns the error.
async fn failure(server: Server) -> ServeError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = server.serve_listener_with_shutdown(listener, std::future::ready(()));
    serving.await.unwrap_err()
}

#[tokio::test]
#[allow(clippy::too_many_lines)] // a table
async fn a_file_that_cannot_be_used_is_named_with_the_fix() {
    let authority = Authority::new("ca");
    let own = authority.certify_server();
    let other = authority.issue(named(&["dns:localhost"]));
    let (pem, key) = (own.pem.as_str(), own.key.serialize_pem());
    let broken = pem.replace("-----END", "----END");
    let not_base64 = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    let not_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let not_a_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let other_key = other.key.serialize_pem();
    let huge = "x".repeat((1 << 20) + 1);
    for (file, text, problems) in [
        (
            "server.pem",
            None,
            &["cannot be read", "check the path"][..],
        ),
        (
            "server.pem",
            Some(""),
            &["has no certificate: it is empty", "PEM"],
        ),
        (
            "server.pem",
            Some("text"),
            &["has no certificate;", "BEGIN CERTIFICATE"],
        ),
        (
            "server.pem",
            Some(&*key),
            &["has no certificate", "exchanged?"],
        ),
        (
            "server.pem",
            Some(&*broken),
            &["is malformed", "complete file"],
        ),
        (
            "server.pem",
            Some(not_base64),
            &["is malformed", "complete file"],
        ),
        (
            "server.pem",
            Some(not_der),
            &["cannot be used", "malformed"],
        ),
        ("server.pem", Some(&*huge), &["larger than 1 MiB"]),
        ("server.key", None, &["cannot be read", "check the path"]),
        (
            "server.key",
            Some(""),
            &["has no private key: it is empty", "PEM"],
        ),
        (
            "server.key",
            Some(pem),
            &["has no private key", "exchanged?"],
        ),
        (
            "server.key",
            Some(not_a_key),
            &["cannot be used", "use an RSA key"],
        ),
        (
            "server.key",
            Some(encrypted),
            &["is encrypted", "openssl pkey -in"],
        ),
        (
            "server.key",
            Some(&*other_key),
            &["does not belong to the certificate file", "server.pem"],
        ),
        ("clients.pem", None, &["cannot be read", "check the path"]),
        (
            "clients.pem",
            Some(""),
            &["has no certificate: it is empty", "PEM"],
        ),
        (
            "clients.pem",
            Some(&*broken),
            &["is malformed", "complete file"],
        ),
        (
            "clients.pem",
            Some(not_der),
            &["has a certificate that cannot be used"],
        ),
    ] {
        for (name, good) in [
            ("server.pem", pem),
            ("server.key", &*key),
            ("clients.pem", pem),
        ] {
            authority.write(name, good);
        }
        match text {
            Some(text) => drop(authority.write(file, text)),
            None => std::fs::remove_file(authority.path(file)).unwrap(),
        }
        let clients = Auth::mutual_tls(authority.path("clients.pem"));
        let error = failure(components().tls(tls(&authority)).auth(clients)).await;
        assert!(matches!(error, ServeError::Tls(_)), "{error:?}");
        assert!(error.source().is_none());
        let shown = error.to_string();
        assert!(shown.starts_with("TLS cannot be used: the "), "{shown}");
        let path = authority.path(file).display().to_string();
        for part in problems.iter().copied().chain([path.as_str()]) {
            assert!(shown.contains(part), "{shown:?} lacks {part:?}");
        }
        assert!(!shown.contains("AAAA") && !shown.contains('\n'), "{shown}");
    }
}

#[tokio::test]
async fn client_certificates_need_tls_and_one_list_of_authorities() {
    let authority = Authority::new("ca");
    let way = || Auth::mutual_tls(authority.file());
    let error = failure(components().auth(way())).await;
    let shown = error.to_string();
    assert!(matches!(error, ServeError::Build(_)), "{shown}");
    assert!(
        shown.contains("client certificates need TLS: add `.tls("),
        "{shown}"
    );
    let error = failure(components().tls(tls(&authority)).auth(way()).auth(way())).await;
    let shown = error.to_string();
    assert!(matches!(error, ServeError::Build(_)), "{shown}");
    assert!(shown.contains("name all of them in one"), "{shown}");
}

/// Returns the certificate that the server presents.
async fn presented(address: std::net::SocketAddr, config: ClientConfig) -> Vec<u8> {
    let stream = connect(address, config).await.unwrap();
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain[0].to_vec()
}

#[tokio::test]
async fn renewed_files_are_used_without_a_restart() {
    let authority = Authority::new("ca");
    let first = authority.certify_server();
    let tls = tls(&authority).check_every(Duration::ZERO);
    let address = start(server().tls(tls)).await;
    let is_presented = async |own: &Certified| {
        presented(address, authority.client_config(None)).await == *own.certificate
    };
    assert!(is_presented(&first).await);
    // Half of a renewal: the new certificate does not belong to the old key.
    let second = authority.issue(named(&["dns:localhost"]));
    authority.write("server.pem", &second.pem);
    assert!(is_presented(&first).await);
    authority.write("server.key", &second.key.serialize_pem());
    assert!(is_presented(&second).await);
    for broken in ["", "text", &second.pem[..200]] {
        authority.write("server.pem", broken);
        assert!(is_presented(&second).await);
    }
    std::fs::remove_file(authority.path("server.pem")).unwrap();
    assert!(is_presented(&second).await);
    let third = authority.certify_server();
    assert!(is_presented(&third).await);
}

#[tokio::test]
async fn files_are_not_read_again_before_the_interval() {
    let authority = Authority::new("ca");
    let first = authority.certify_server();
    let tls = tls(&authority).check_every(Duration::from_secs(3600));
    let address = start(server().tls(tls)).await;
    for _ in 0..2 {
        let config = authority.client_config(None);
        assert_eq!(presented(address, config).await, *first.certificate);
        authority.certify_server();
    }
}

#[tokio::test]
async fn an_authority_is_replaced_without_a_restart() {
    let authority = Authority::new("ca");
    let other = Authority::new("other");
    authority.certify_server();
    let way = Auth::mutual_tls(authority.file()).required();
    let tls = tls(&authority).check_every(Duration::ZERO);
    let address = start(components().tls(tls).auth(way)).await;
    let (old, new) = (authority.client(&["cn:ada"]), other.client(&["cn:ada"]));
    let config = |own| authority.client_config(Some(own));
    assert!(health(address, config(&old)).await.is_ok());
    assert!(health(address, config(&new)).await.is_err());
    authority.write("ca.pem", &std::fs::read_to_string(other.file()).unwrap());
    assert!(health(address, config(&new)).await.is_ok());
    assert!(health(address, config(&old)).await.is_err());
}
