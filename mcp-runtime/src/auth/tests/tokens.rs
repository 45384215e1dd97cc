//! JWTs: those that are accepted, those that are refused, and the keys of the issuer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::issuer::{Answer, METADATA, TestIssuer};
use super::signer::{Signer, claims, encoded, hmac, merged, seconds};
use super::{SERVER, accepted, invalid, send, send_at_once, unavailable};
use crate::auth::{Auth, Authenticate as _, Jwt, SigningAlgorithm};

fn jwt(issuer: &TestIssuer) -> Jwt {
    Auth::jwt(&issuer.url, SERVER)
}

#[tokio::test]
async fn every_algorithm_verifies_tokens_of_its_kind() {
    let named = SigningAlgorithm::ALL.map(|algorithm| (algorithm, format!("{algorithm:?}")));
    let mut signers: Vec<_> = named
        .iter()
        .map(|(algorithm, name)| Signer::new(*algorithm, name, name))
        .collect();
    signers.push(Signer::new(SigningAlgorithm::Ed25519, "EdDSA", "old name"));
    let issuer = TestIssuer::start(&signers.iter().collect::<Vec<_>>()).await;
    let jwt = jwt(&issuer);
    for signer in &signers {
        let token = signer.sign(&claims(&issuer.url));
        let identity = accepted(send(&jwt, &token).await);
        assert_eq!(identity.principal.id(), "alice");
        assert_eq!(identity.principal.issuer(), Some(issuer.url.as_str()));
        assert_eq!(identity.scopes[..], ["tools:read", "tools:write"]);
        assert_eq!(identity.claims["client_id"], "script");
        assert!(identity.expires.is_some());
    }
    assert_eq!((issuer.count(METADATA), issuer.count("/keys")), (1, 1));
    assert_eq!(jwt.authorization_servers(), [issuer.url.as_str()]);
}

#[tokio::test]
async fn a_token_with_any_changed_character_is_refused() {
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    let jwt = jwt(&issuer);
    let token = signer.sign(&claims(&issuer.url));
    for index in (0..token.len()).step_by(7) {
        let other = if &token[index..=index] == "A" {
            "B"
        } else {
            "A"
        };
        let mut changed = token.clone();
        changed.replace_range(index..=index, other);
        assert!(
            !matches!(send(&jwt, &changed).await, Ok(Some(_))),
            "{changed}"
        );
    }
    accepted(send(&jwt, &token).await);
}

/// Members of the claims that make a token invalid, with a part of the reason.
fn wrong_claims() -> Vec<(Value, &'static str)> {
    let now = seconds();
    vec![
        (json!({ "iss": null }), "no claim `iss`"),
        (json!({ "exp": null }), "no claim `exp`"),
        (json!({ "exp": now - 31 }), "expired"),
        (json!({ "exp": (now + 600).to_string() }), "not a number"),
        (json!({ "exp": -1 }), "expired"),
        (json!({ "nbf": now + 60 }), "not valid yet (`nbf`)"),
        (json!({ "nbf": "soon" }), "not a number"),
        (json!({ "iat": now + 60 }), "not valid yet (`iat`)"),
        (json!({ "aud": null }), "no audience"),
        (
            json!({ "aud": "https://other.example/mcp" }),
            "another audience",
        ),
        (json!({ "aud": format!("{SERVER}/") }), "another audience"),
        (
            json!({ "aud": "https://server.example" }),
            "another audience",
        ),
        (json!({ "aud": [] }), "another audience"),
        (
            json!({ "aud": [["https://server.example/mcp"]] }),
            "another audience",
        ),
        (json!({ "aud": { SERVER: 1 } }), "another audience"),
        (json!({ "sub": null, "client_id": null }), "names neither"),
        (json!({ "sub": "" }), "names neither"),
        (json!({ "sub": 7, "client_id": null }), "names neither"),
        (json!({ "sub": "a".repeat(513) }), "longer than 512 bytes"),
        (json!({ "at_hash": "x" }), "not an access token"),
        (json!({ "token_use": "id" }), "not an access token"),
        (json!({ "typ": "ID" }), "not an access token"),
        (json!({ "cnf": { "jkt": "x" } }), "bound to a key"),
    ]
}

#[tokio::test]
async fn a_token_with_wrong_claims_is_refused() {
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    let jwt = jwt(&issuer);
    for (members, reason) in wrong_claims() {
        let token = signer.sign(&merged(&claims(&issuer.url), members));
        let checked = send(&jwt, &token).await;
        assert!(invalid(&checked).contains(reason), "{reason}: {checked:?}");
    }
}

#[tokio::test]
async fn a_token_with_unusual_claims_is_accepted() {
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    let jwt = jwt(&issuer);
    let now = seconds();
    for (members, principal, scopes) in [
        (
            json!({ "aud": ["https://other.example", SERVER] }),
            "alice",
            2,
        ),
        (
            json!({ "exp": now - 20, "nbf": now + 20, "iat": now + 20 }),
            "alice",
            2,
        ),
        (json!({ "exp": 4e15, "iat": null, "nbf": 1.5 }), "alice", 2),
        (json!({ "exp": 1e300 }), "alice", 2),
        (json!({ "sub": null }), "script", 2),
        (
            json!({ "scope": null, "scp": ["a", "b", 7, "c"] }),
            "alice",
            3,
        ),
        (json!({ "scope": " a  b ", "scp": "c" }), "alice", 3),
        (json!({ "scope": null }), "alice", 0),
        (
            json!({ "typ": "Bearer", "token_use": "access" }),
            "alice",
            2,
        ),
        (
            json!({ "sub": "script", "grant": "client_credentials" }),
            "script",
            2,
        ),
    ] {
        let token = signer.sign(&merged(&claims(&issuer.url), members));
        let identity = accepted(send(&jwt, &token).await);
        assert_eq!(identity.principal.id(), principal);
        assert_eq!(identity.scopes.len(), scopes, "{:?}", identity.scopes);
    }
}

#[tokio::test]
async fn a_token_with_a_wrong_header_is_refused() {
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    let jwt = jwt(&issuer).key_cooldown(Duration::ZERO);
    let algorithm = "the algorithm of the token is not accepted";
    let kind = "the token is not an access token";
    let key = "the issuer has no key";
    for (members, reason) in [
        (json!({ "alg": "none" }), algorithm),
        (json!({ "alg": "HS256" }), algorithm),
        (json!({ "alg": "ES512" }), algorithm),
        (
            json!({ "alg": null }),
            "the header of the token is malformed",
        ),
        (
            json!({ "alg": ["ES256"] }),
            "the header of the token is malformed",
        ),
        (json!({ "alg": "ES384" }), key),
        (json!({ "alg": "RS256" }), key),
        (json!({ "typ": "id+jwt" }), kind),
        (json!({ "typ": "oauth-id-jag+jwt" }), kind),
        (json!({ "typ": "dpop+jwt" }), kind),
        (json!({ "typ": "" }), kind),
        (json!({ "crit": ["exp"] }), "critical"),
        (json!({ "crit": ["b64"], "b64": true }), "critical"),
        (json!({ "crit": [] }), "critical"),
        (json!({ "kid": "b" }), key),
        (json!({ "kid": "" }), key),
        (json!({ "kid": "../../../../dev/null" }), key),
        (json!({ "kid": "a' OR '1'='1" }), key),
        (json!({ "kid": "http://127.0.0.1:9/keys" }), key),
        (json!({ "kid": 7 }), "the header of the token is malformed"),
    ] {
        let token = signer.sign_adding(members, &claims(&issuer.url));
        let checked = send(&jwt, &token).await;
        assert!(invalid(&checked).contains(reason), "{reason}: {checked:?}");
    }
    let null = signer.sign_with(
        &json!({ "alg": "ES256", "kid": "a", "crit": null }),
        &claims(&issuer.url),
    );
    assert!(invalid(&send(&jwt, &null).await).contains("critical"));
}

#[tokio::test]
async fn the_kind_of_a_token_may_be_missing_or_say_jwt() {
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    let jwt = jwt(&issuer);
    for kind in [
        json!(null),
        json!("JWT"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
    ] {
        let token = signer.sign_adding(json!({ "typ": kind }), &claims(&issuer.url));
        accepted(send(&jwt, &token).await);
    }
}

#[tokio::test]
async fn the_key_of_an_attacker_is_never_used() {
    let signer = Signer::new(SigningAlgorithm::RS256, "RS256", "a");
    let attacker = Signer::new(SigningAlgorithm::RS256, "RS256", "a");
    let issuer = TestIssuer::start(&[&signer]).await;
    issuer.answer("/evil", Answer::Json(json!({ "keys": [attacker.jwk] })));
    let jwt = jwt(&issuer);
    let evil = format!("{}/evil", issuer.url);
    for members in [
        json!({}),
        json!({ "jwk": attacker.jwk }),
        json!({ "jku": evil, "x5u": evil }),
        json!({ "x5c": ["MIIB"], "x5t": "x" }),
        json!({ "kid": null, "jwk": attacker.jwk }),
    ] {
        let token = attacker.sign_adding(members, &claims(&issuer.url));
        assert!(invalid(&send(&jwt, &token).await).contains("signature"));
    }
    assert_eq!(issuer.count("/evil"), 0);
}

#[tokio::test]
async fn a_public_key_is_never_a_secret() {
    let signer = Signer::new(SigningAlgorithm::RS256, "RS256", "a");
    let shared = hmac(b"a secret that somebody published", "b");
    let issuer = TestIssuer::start(&[&signer, &shared]).await;
    let jwt = jwt(&issuer);
    let modulus = signer.jwk["n"].as_str().unwrap();
    let jwk = signer.jwk.to_string();
    for forger in [
        hmac(modulus.as_bytes(), "a"),
        hmac(jwk.as_bytes(), "a"),
        shared,
    ] {
        let token = forger.sign(&claims(&issuer.url));
        assert!(invalid(&send(&jwt, &token).await).contains("algorithm"));
        let token = forger.sign_adding(json!({ "alg": "RS256" }), &claims(&issuer.url));
        let checked = send(&jwt, &token).await;
        assert!(invalid(&checked).contains("signature") || invalid(&checked).contains("no key"));
    }
}

#[tokio::test]
async fn what_is_not_a_token_of_the_issuer_is_left_to_others() {
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    let jwt = jwt(&issuer);
    let token = signer.sign(&claims(&issuer.url));
    let two_parts = token.rsplit_once('.').unwrap().0;
    let foreign = signer.sign(&claims("https://other.example"));
    for other in [
        two_parts,
        &foreign,
        "opaque",
        ".",
        "..",
        "a.b.c",
        "....",
        "e30",
        "bnVsbA.e30.AA",
        &"a.".repeat(100),
        &format!("{token}.AA"),
        &format!("{token}="),
    ] {
        let checked = send(&jwt, other).await;
        assert!(matches!(checked, Ok(None) | Err(_)), "{other}: {checked:?}");
    }
    assert!(send(&jwt, &foreign).await.unwrap().is_none());
    assert!(send(&jwt, two_parts).await.unwrap().is_none());
    assert_eq!(issuer.received().len(), 0, "no keys are loaded for them");
}

#[tokio::test]
async fn a_malformed_token_is_refused() {
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    let jwt = jwt(&issuer);
    let header = encoded(&signer.header);
    let payload = encoded(&claims(&issuer.url));
    let deep = format!("{{\"iss\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    for (token, reason) in [
        (format!("{header}.!.AA"), "payload"),
        (format!("{header}..AA"), "payload"),
        (format!("{header}.{}.AA", encoded(&json!([1]))), "payload"),
        (format!("{header}.{}.AA", super::base64(&deep)), "payload"),
        (format!("{header}.{payload}.=="), "signature"),
        (format!("{header}.{payload}."), "signature"),
        (
            format!("{header}.{payload}.{}", "A".repeat(85)),
            "signature",
        ),
        (
            format!("{header}.{payload}.{}", "A".repeat(86)),
            "signature",
        ),
        (
            format!(
                "{}.{payload}.AA",
                super::base64("{\"alg\":\"ES256\",\"alg\":\"none\"}")
            ),
            "header",
        ),
        (
            format!("{header}.{payload}.{}", "A".repeat(1_000_000)),
            "longer than 16384 bytes",
        ),
        ("A".repeat(1_000_000), "longer than 16384 bytes"),
    ] {
        let checked = send(&jwt, &token).await;
        assert!(invalid(&checked).contains(reason), "{reason}: {checked:?}");
    }
}

#[tokio::test]
async fn only_the_algorithms_that_are_named_are_accepted() {
    let (one, other) = (
        Signer::es256("a"),
        Signer::new(SigningAlgorithm::Ed25519, "EdDSA", "b"),
    );
    let issuer = TestIssuer::start(&[&one, &other]).await;
    let jwt = jwt(&issuer).algorithms([SigningAlgorithm::Ed25519]);
    assert!(invalid(&send(&jwt, &one.sign(&claims(&issuer.url))).await).contains("algorithm"));
    accepted(send(&jwt, &other.sign(&claims(&issuer.url))).await);
}

#[tokio::test]
async fn the_declared_use_of_a_key_is_respected() {
    let signer = Signer::new(SigningAlgorithm::RS256, "RS256", "a");
    let issuer = TestIssuer::start(&[]).await;
    for (members, is_accepted) in [
        (json!({}), true),
        (
            json!({ "use": null, "key_ops": ["verify"], "alg": "RS256" }),
            true,
        ),
        (json!({ "use": "enc" }), false),
        (json!({ "key_ops": ["encrypt"] }), false),
        (json!({ "alg": "RS512" }), false),
        (json!({ "alg": "RSA-OAEP" }), false),
        (json!({ "kty": "EC" }), false),
        (json!({ "kty": "oct", "k": "AAAA" }), false),
        (json!({ "kid": "b" }), false),
        (json!({ "n": "!" }), false),
    ] {
        let key = merged(&signer.jwk, members);
        issuer.answer("/keys", Answer::Json(json!({ "keys": [7, {}, key] })));
        let checked = send(&jwt(&issuer), &signer.sign(&claims(&issuer.url))).await;
        if is_accepted {
            accepted(checked);
        } else {
            assert!(invalid(&checked).contains("no key"), "{key}");
        }
    }
}

#[tokio::test]
async fn a_token_without_a_key_id_needs_the_only_fitting_key() {
    let (one, other) = (Signer::es256("a"), Signer::es256("b"));
    let rsa = Signer::new(SigningAlgorithm::RS256, "RS256", "c");
    let issuer = TestIssuer::start(&[&one, &rsa]).await;
    let token = one.sign_adding(json!({ "kid": null }), &claims(&issuer.url));
    accepted(send(&jwt(&issuer), &token).await);
    issuer.publish(&[&one, &other]);
    assert!(invalid(&send(&jwt(&issuer), &token).await).contains("no key"));
}

#[tokio::test]
async fn concurrent_requests_share_one_load_and_unknown_keys_cause_one() {
    let (signer, unknown) = (Signer::es256("a"), Signer::es256("b"));
    let issuer = TestIssuer::start(&[&signer]).await;
    let jwt = Arc::new(jwt(&issuer).key_cooldown(Duration::from_secs(3600)));
    let token = signer.sign(&claims(&issuer.url));
    for checked in send_at_once(&jwt, vec![token; 50]).await {
        accepted(checked);
    }
    assert_eq!((issuer.count(METADATA), issuer.count("/keys")), (1, 1));
    let flood = (0..200).map(|index| {
        unknown.sign_adding(json!({ "kid": index.to_string() }), &claims(&issuer.url))
    });
    for checked in send_at_once(&jwt, flood.collect()).await {
        assert!(invalid(&checked).contains("no key"));
    }
    assert_eq!(issuer.count("/keys"), 1, "the cooldown is not over");
}

#[tokio::test]
async fn an_unknown_key_is_loaded_after_the_cooldown_without_metadata() {
    let (old, new) = (Signer::es256("a"), Signer::es256("b"));
    let issuer = TestIssuer::start(&[&old]).await;
    let jwt = jwt(&issuer).key_cooldown(Duration::ZERO);
    accepted(send(&jwt, &old.sign(&claims(&issuer.url))).await);
    issuer.publish(&[&old, &new]);
    accepted(send(&jwt, &new.sign(&claims(&issuer.url))).await);
    assert_eq!((issuer.count(METADATA), issuer.count("/keys")), (1, 2));
}

#[tokio::test]
async fn a_verified_token_ends_when_its_key_is_withdrawn() {
    let (old, new) = (Signer::es256("a"), Signer::es256("b"));
    let issuer = TestIssuer::start(&[&old]).await;
    let jwt = jwt(&issuer).key_cooldown(Duration::ZERO);
    let cached = old.sign(&claims(&issuer.url));
    accepted(send(&jwt, &cached).await);
    issuer.publish(&[&new]);
    accepted(send(&jwt, &cached).await);
    accepted(send(&jwt, &new.sign(&claims(&issuer.url))).await);
    assert!(invalid(&send(&jwt, &cached).await).contains("no key"));
}

#[tokio::test]
async fn known_keys_are_used_while_the_issuer_is_away() {
    let (signer, unknown) = (Signer::es256("a"), Signer::es256("b"));
    let mut issuer = TestIssuer::start(&[&signer]).await;
    let jwt = jwt(&issuer).key_cooldown(Duration::ZERO);
    let cached = signer.sign(&claims(&issuer.url));
    accepted(send(&jwt, &cached).await);
    issuer.go_away().await;
    accepted(send(&jwt, &cached).await);
    let other = merged(&claims(&issuer.url), json!({ "sub": "bob" }));
    accepted(send(&jwt, &signer.sign(&other)).await);
    let checked = send(&jwt, &unknown.sign(&claims(&issuer.url))).await;
    assert!(
        unavailable(&checked).contains("cannot be read"),
        "{checked:?}"
    );
    accepted(send(&jwt, &signer.sign(&other)).await);
}

#[tokio::test]
async fn without_keys_tokens_cannot_be_checked() {
    let signer = Signer::es256("a");
    let mut issuer = TestIssuer::start(&[&signer]).await;
    let away = jwt(&issuer).key_cooldown(Duration::ZERO);
    issuer.go_away().await;
    let token = signer.sign(&claims(&issuer.url));
    assert!(unavailable(&send(&away, &token).await).contains("cannot be used"));
    let wrong = Auth::jwt("http://issuer.example", SERVER);
    assert!(unavailable(&send(&wrong, &token).await).contains("use https"));
    assert!(wrong.problems()[0].contains("use https"));
    assert_eq!(jwt(&issuer).algorithms([]).problems().len(), 1);
    assert_eq!(Auth::jwt(&issuer.url, "").problems().len(), 1);
    assert!(away.problems().is_empty());
}

#[tokio::test]
async fn old_keys_are_loaded_again_while_requests_use_them() {
    let (old, new) = (Signer::es256("a"), Signer::es256("b"));
    let issuer = TestIssuer::start(&[&old]).await;
    let jwt = jwt(&issuer)
        .key_cooldown(Duration::ZERO)
        .key_refresh(Duration::ZERO);
    let cached = old.sign(&claims(&issuer.url));
    accepted(send(&jwt, &cached).await);
    issuer.publish(&[&new]);
    // Each request starts a load in the background. The token is refused as soon as one has ended.
    while send(&jwt, &cached).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(
        issuer.count(METADATA) > 1,
        "the metadata is read again, too"
    );
}
