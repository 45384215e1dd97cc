//! Tokens of any format, which the issuer explains.

use std::future::{Future as _, poll_fn};
use std::task::Poll;
use std::time::Duration;

use serde_json::{Value, json};

use super::issuer::{Answer, METADATA, TestIssuer};
use super::signer::{merged, seconds};
use super::{Checked, SERVER, accepted, invalid, send, unavailable};
use crate::auth::{Auth, Authenticate as _, Introspection};

const ENDPOINT: &str = "/introspect";

fn introspection(issuer: &TestIssuer) -> Introspection {
    Auth::introspection(&issuer.url, SERVER, "server:1", "p&ss wörd")
}

fn active(issuer: &TestIssuer) -> Value {
    json!({
        "active": true, "iss": issuer.url, "aud": SERVER, "sub": "alice", "client_id": "script",
        "token_type": "Bearer", "exp": seconds() + 600, "scope": "tools:read",
    })
}

#[tokio::test]
async fn an_active_token_is_accepted_and_asked_for_once() {
    let issuer = TestIssuer::start(&[]).await;
    issuer.answer(ENDPOINT, Answer::Json(active(&issuer)));
    let introspection = introspection(&issuer);
    for _ in 0..3 {
        let identity = accepted(send(&introspection, "opaque+/=").await);
        assert_eq!(identity.principal.id(), "alice");
        assert_eq!(identity.principal.issuer(), Some(issuer.url.as_str()));
        assert_eq!(identity.scopes[..], ["tools:read"]);
    }
    accepted(send(&introspection, "other").await);
    assert_eq!((issuer.count(METADATA), issuer.count(ENDPOINT)), (1, 2));
    let asked = issuer
        .received()
        .into_iter()
        .find(|it| it.path == ENDPOINT)
        .unwrap();
    assert_eq!(
        asked.body,
        "token=opaque%2B%2F%3D&token_type_hint=access_token"
    );
    let basic = super::standard_base64("server%3A1:p%26ss%20w%C3%B6rd");
    assert_eq!(asked.authorization, Some(format!("Basic {basic}")));
}

#[tokio::test]
async fn a_token_is_refused_if_the_answer_says_so() {
    let issuer = TestIssuer::start(&[]).await;
    let introspection = introspection(&issuer);
    let now = seconds();
    for (members, reason) in [
        (json!({ "active": false }), "not active"),
        (json!({ "aud": null }), "no audience"),
        (
            json!({ "aud": "https://other.example" }),
            "another audience",
        ),
        (json!({ "iss": "https://other.example" }), "another issuer"),
        (json!({ "exp": now }), "expired"),
        (json!({ "nbf": now + 60 }), "not valid yet"),
        (json!({ "token_type": "DPoP" }), "not a bearer token"),
        (json!({ "cnf": {} }), "bound to a key"),
        (json!({ "sub": null, "client_id": null }), "names neither"),
    ] {
        issuer.answer(ENDPOINT, Answer::Json(merged(&active(&issuer), members)));
        let checked = send(&introspection, "opaque").await;
        assert!(invalid(&checked).contains(reason), "{reason}: {checked:?}");
    }
    let long = "a".repeat(17_000);
    assert!(invalid(&send(&introspection, &long).await).contains("longer"));
}

#[tokio::test]
async fn without_optional_members_a_token_is_accepted() {
    let issuer = TestIssuer::start(&[]).await;
    let answer = json!({ "active": true, "aud": [SERVER], "client_id": "machine" });
    issuer.answer(ENDPOINT, Answer::Json(answer));
    let introspection = introspection(&issuer);
    let identity = accepted(send(&introspection, "opaque").await);
    assert_eq!(identity.principal.id(), "machine");
    accepted(send(&introspection, "opaque").await);
    assert_eq!(issuer.count(ENDPOINT), 1);
}

#[tokio::test]
async fn an_error_of_the_endpoint_accepts_nothing() {
    let issuer = TestIssuer::start(&[]).await;
    let introspection = introspection(&issuer);
    for answer in [
        Answer::Status(401),
        Answer::Status(404),
        Answer::Status(500),
        Answer::Status(204),
        Answer::Redirect(format!("{}/other", issuer.url)),
        Answer::Raw("true".into()),
        Answer::Raw("{".into()),
        Answer::Json(json!({})),
        Answer::Json(json!({ "active": "true", "aud": SERVER, "sub": "alice" })),
        Answer::Json(json!({ "error": "invalid_client" })),
    ] {
        issuer.answer(ENDPOINT, answer);
        let checked = send(&introspection, "opaque").await;
        unavailable(&checked);
    }
    assert_eq!(issuer.count("/other"), 0);
}

#[tokio::test]
async fn without_a_cache_a_revoked_token_is_refused_at_once() {
    let issuer = TestIssuer::start(&[]).await;
    issuer.answer(ENDPOINT, Answer::Json(active(&issuer)));
    let introspection = introspection(&issuer).cache_for(Duration::ZERO);
    accepted(send(&introspection, "opaque").await);
    issuer.answer(ENDPOINT, Answer::Json(json!({ "active": false })));
    invalid(&send(&introspection, "opaque").await);
}

/// Sends one token many times, before the issuer can answer the first request.
async fn send_together(introspection: &Introspection, requests: usize) -> Vec<Checked> {
    let sent = (0..requests).map(|_| Box::pin(send(introspection, "opaque")));
    let mut sent: Vec<_> = sent.collect();
    poll_fn(|context| {
        let polls = sent.iter_mut().map(|one| one.as_mut().poll(context));
        assert!(polls.filter(Poll::is_pending).count() == requests);
        Poll::Ready(())
    })
    .await;
    let mut checked = Vec::new();
    for one in sent {
        checked.push(one.await);
    }
    checked
}

#[tokio::test]
async fn simultaneous_requests_with_one_token_ask_once() {
    for cache_for in [0, 60].map(Duration::from_secs) {
        let issuer = TestIssuer::start(&[]).await;
        let introspection = introspection(&issuer).cache_for(cache_for);
        issuer.answer(ENDPOINT, Answer::Json(active(&issuer)));
        for one in send_together(&introspection, 1000).await {
            accepted(one);
        }
        assert_eq!(issuer.count(ENDPOINT), 1);
    }
    let issuer = TestIssuer::start(&[]).await;
    let introspection = introspection(&issuer);
    issuer.answer(ENDPOINT, Answer::Json(json!({ "active": false })));
    for one in send_together(&introspection, 1000).await {
        invalid(&one);
    }
    issuer.answer(ENDPOINT, Answer::Status(500));
    for one in send_together(&introspection, 1000).await {
        unavailable(&one);
    }
    assert_eq!(issuer.count(ENDPOINT), 2);
}

#[tokio::test]
async fn an_issuer_without_the_endpoint_accepts_nothing() {
    let issuer = TestIssuer::start(&[]).await;
    issuer.answer(METADATA, Answer::Json(json!({ "issuer": issuer.url })));
    let introspection = introspection(&issuer);
    let checked = send(&introspection, "opaque").await;
    assert!(unavailable(&checked).contains("no `introspection_endpoint`"));
    assert!(introspection.problems().is_empty());
    let wrong = Auth::introspection("issuer", "", "a", "b");
    assert_eq!(wrong.problems().len(), 2);
    unavailable(&send(&wrong, "opaque").await);
}
