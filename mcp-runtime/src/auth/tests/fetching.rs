//! The documents of an issuer: where they are, and which are refused.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use serde_json::json;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::super::address::Address;
use super::super::metadata::Issuer;
use super::issuer::{Answer, METADATA, OPENID, TestIssuer};

async fn refusal(issuer: &Issuer) -> String {
    issuer.metadata().await.unwrap_err()
}

#[tokio::test]
async fn metadata_is_found_at_each_well_known_url() {
    let server = TestIssuer::serve(None, "127.0.0.1").await;
    for (path, at) in [
        ("", METADATA.to_owned()),
        ("", OPENID.to_owned()),
        ("/", METADATA.to_owned()),
        ("/a/b", format!("{METADATA}/a/b")),
        ("/c", format!("{OPENID}/c")),
        ("/d", format!("/d{OPENID}")),
        ("/e/", format!("/e{OPENID}")),
    ] {
        let issuer = format!("{}{path}", server.url);
        server.describe(&at, &issuer);
        let metadata = Issuer::new(&issuer).unwrap().metadata().await.unwrap();
        let keys = Address::parse(&format!("{}/keys", server.url));
        assert_eq!(metadata.keys(), keys);
        server.answer(&at, Answer::Status(404));
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    let server = TestIssuer::serve(None, "127.0.0.1").await;
    for other in ["https://other.example", &format!("{}/", server.url), ""] {
        server.describe(METADATA, other);
        let refusal = refusal(&Issuer::new(&server.url).unwrap()).await;
        assert!(refusal.contains("is that of the issuer"), "{refusal}");
        assert!(refusal.contains("404"), "{refusal}");
    }
}

#[tokio::test]
async fn documents_that_are_not_plain_answers_are_refused() {
    let server = TestIssuer::serve(None, "127.0.0.1").await;
    server.describe("/elsewhere", &server.url);
    let large = format!("{{\"issuer\":\"{}\"}}", "a".repeat(256 * 1024));
    for (answer, reason) in [
        (
            Answer::Redirect("/elsewhere".into()),
            "redirects are not followed",
        ),
        (Answer::Status(500), "500"),
        (Answer::Raw("<html>".into()), "not valid"),
        (Answer::Json(json!({ "issuer": 7 })), "not valid"),
        (Answer::Raw(large), "too large"),
    ] {
        server.answer(METADATA, answer.clone());
        server.answer(OPENID, answer);
        let refusal = refusal(&Issuer::new(&server.url).unwrap()).await;
        assert!(refusal.contains(reason), "{refusal}");
    }
    assert_eq!(server.count("/elsewhere"), 0);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let server = TestIssuer::serve(None, "127.0.0.1").await;
    server.answer(METADATA, Answer::Never);
    let mut issuer = Issuer::new(&server.url).unwrap();
    issuer.fetch.time_limit = Duration::from_millis(50);
    let refusal = tokio::time::timeout(Duration::from_secs(15), refusal(&issuer)).await;
    let refusal = refusal.expect("in time");
    assert!(refusal.contains("no answer after 50ms"), "{refusal}");
    assert_eq!(server.count(OPENID), 0, "it is the same server");
}

#[tokio::test]
async fn a_name_with_a_private_address_is_refused_unless_allowed() {
    let (acceptor, roots) = certificates();
    let server = TestIssuer::serve(Some(acceptor), "localhost").await;
    server.describe(METADATA, &server.url);
    let mut issuer = Issuer::new(&server.url).unwrap();
    issuer.fetch.trust(roots);
    let refusal = refusal(&issuer).await;
    assert!(refusal.contains("is not public"), "{refusal}");
    issuer.fetch.reach.private = true;
    issuer.metadata().await.unwrap();
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn metadata_cannot_point_into_the_network_of_the_server() {
    let server = TestIssuer::serve(None, "127.0.0.1").await;
    for (keys, reason) in [
        ("http://10.0.0.1/keys", "use https"),
        ("http://localhost/keys", "use https"),
        ("http://169.254.169.254/latest", "use https"),
        ("file:///etc/passwd", "not accepted"),
        ("/keys", "not accepted"),
        ("https://10.0.0.1/keys", "not public"),
        ("https://169.254.169.254/keys", "not public"),
        ("https://[::ffff:10.0.0.1]/keys", "not public"),
    ] {
        let metadata = json!({ "issuer": server.url, "jwks_uri": keys });
        server.answer(METADATA, Answer::Json(metadata));
        let issuer = Issuer::new(&server.url).unwrap();
        let refusal = match issuer.metadata().await.unwrap().keys() {
            Ok(address) => {
                let document = issuer.fetch.get::<serde_json::Value>(&address);
                document.await.unwrap_err().to_string()
            }
            Err(refusal) => refusal,
        };
        assert!(refusal.contains(reason), "{keys}: {refusal}");
    }
    let public = Issuer::new("https://issuer.example").unwrap();
    let loopback = Address::parse(&server.url).unwrap();
    let refusal = public.fetch.get::<serde_json::Value>(&loopback).await;
    assert!(refusal.unwrap_err().to_string().contains("not public"));
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_have_the_name() {
    let (acceptor, roots) = certificates();
    let server = TestIssuer::serve(Some(acceptor), "127.0.0.1").await;
    server.describe(METADATA, &server.url);
    let fetching = |url: &str, roots: RootCertStore| {
        let issuer = Issuer::new(url).unwrap();
        issuer.fetch.trust(roots);
        issuer
    };
    fetching(&server.url, roots.clone())
        .metadata()
        .await
        .unwrap();
    let (_, others) = certificates();
    let refused = refusal(&fetching(&server.url, others)).await;
    assert!(refused.contains("certificate"), "{refused}");
    let other_name = server.url.replace("127.0.0.1", "127.0.0.2");
    let refused = refusal(&fetching(&other_name, roots)).await;
    assert!(refused.contains("cannot be used"), "{refused}");
    let system = refusal(&Issuer::new(&server.url).unwrap()).await;
    assert!(system.contains("certificate"), "{system}");
}

/// Returns a server with a certificate for `localhost` and 127.0.0.1, and the authority that issued it.
fn certificates() -> (TlsAcceptor, RootCertStore) {
    let authority = KeyPair::generate().unwrap();
    let authority = CertifiedIssuer::self_signed(CertificateParams::default(), authority).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap();
    let certificate = certificate.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), roots)
}
