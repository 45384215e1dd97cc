//! Tokens that are revoked after they were verified.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{AUTHORIZATION, HeaderMap};
use serde_json::json;

use super::issuer::{Answer, TestIssuer};
use super::signer::{Signer, claims, merged};
use super::{Checked, SERVER, accepted, invalid};
use crate::auth::{Auth, Authenticate, Credentials, Revocation, Revoked};

fn headers(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    headers
}

async fn send(way: &dyn Authenticate, revoked: &Revoked, token: &str) -> Checked {
    let headers = headers(token);
    let credentials = Credentials::new(&headers, None).with_revoked(revoked);
    way.authenticate(&credentials).await
}

fn is_known(way: &dyn Authenticate, revoked: &Revoked, token: &str) -> bool {
    let headers = headers(token);
    let credentials = Credentials::new(&headers, None).with_revoked(revoked);
    way.known(&credentials).is_some()
}

/// Returns the ways that keep verified tokens, each with a token, another form of it, and another token.
fn ways(issuer: &TestIssuer, signer: &Signer) -> [(Arc<dyn Authenticate>, [String; 3]); 2] {
    let active = json!({ "active": true, "aud": SERVER, "sub": "ada" });
    issuer.answer("/introspect", Answer::Json(active));
    let introspection = Auth::introspection(&issuer.url, SERVER, "server", "secret");
    let jwt = Auth::jwt(&issuer.url, SERVER);
    let claims = claims(&issuer.url);
    let [one, again] = [(); 2].map(|()| signer.sign(&claims));
    assert_ne!(one, again, "signatures of ECDSA are random");
    let other = signer.sign(&merged(&claims, json!({ "sub": "bob" })));
    let tokens = [one, again, other];
    [
        (Arc::new(jwt) as Arc<dyn Authenticate>, tokens.clone()),
        (Arc::new(introspection), tokens),
    ]
}

#[tokio::test]
async fn a_known_token_is_refused_after_its_revocation_and_another_is_verified_again() {
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    for (way, tokens) in ways(&issuer, &signer) {
        let revoked = Revoked::new(None);
        for token in &tokens {
            accepted(send(&*way, &revoked, token).await);
            assert!(is_known(&*way, &revoked, token));
        }
        let revocation = Revocation {
            revoked: Arc::clone(&revoked),
            ways: vec![Arc::clone(&way)],
        };
        revocation.revoke(&tokens[0]).await.unwrap();
        for token in &tokens {
            assert!(!is_known(&*way, &revoked, token));
        }
        for token in &tokens[..2] {
            for _ in 0..2 {
                let checked = send(&*way, &revoked, token).await;
                assert!(invalid(&checked).contains("revoked"), "{checked:?}");
            }
        }
        accepted(send(&*way, &revoked, &tokens[2]).await);
        assert!(is_known(&*way, &revoked, &tokens[2]));
    }
}

#[tokio::test]
async fn a_token_whose_check_began_before_a_revocation_is_not_kept() {
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    for (way, [token, _, other]) in ways(&issuer, &signer) {
        let revoked = Revoked::new(None);
        let headers = headers(&token);
        let begun = Credentials::new(&headers, None).with_revoked(&revoked);
        revoked.add(&other).await.unwrap();
        accepted(way.authenticate(&begun).await);
        assert!(!is_known(&*way, &revoked, &token));
    }
}

#[test]
fn a_leeway_beyond_that_of_revoked_tokens_is_refused() {
    let issuer = "https://login.example.com";
    for (hours, problems) in [(24, 0), (25, 1)] {
        let leeway = Duration::from_secs(hours * 60 * 60);
        let jwt = Auth::jwt(issuer, SERVER).leeway(leeway);
        assert_eq!(jwt.problems().len(), problems, "{hours}");
    }
}
