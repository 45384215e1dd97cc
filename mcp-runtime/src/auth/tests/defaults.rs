//! Rows of `docs/defaults.md` about signed tokens, and about times that pass at once on the paused clock.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::Request;
use serde_json::{Value, json};
use tower_service::Service as _;

use super::SERVER;
use super::issuer::{Answer, TestIssuer};
use super::signer::{Signer, claims, merged, seconds};
use crate::auth::{Auth, AuthFuture, Authenticate, Credentials, Identity};
use crate::defaults_page::row;
use crate::store::now;
use crate::{Context, HttpService, Principal, RevokeError, Server, ServerHandle, Tool};

const SECOND: Duration = Duration::from_secs(1);
const DAYS: i64 = 3 * 24 * 60 * 60;

/// Returns a server with one tool that sets nothing but this way to authenticate.
async fn service(way: impl Authenticate) -> HttpService {
    service_and_handle(way).await.0
}

async fn service_and_handle(way: impl Authenticate) -> (HttpService, ServerHandle) {
    let schema = json!({ "type": "object" });
    let tool = Tool::new("tool", schema, |_: Value, _: Context| async {});
    let server = Server::new("app", "1.0.0").with(tool).auth(way);
    let handle = server.handle();
    (server.into_service().await.unwrap(), handle)
}

/// Lists the tools with a token. Returns the status.
async fn status(service: &HttpService, token: &str) -> u16 {
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/list",
        "params": { "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        } },
    });
    let request = Request::post("/")
        .header("Host", "localhost")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/list")
        .header("Authorization", format!("Bearer {token}"))
        .body(message.to_string())
        .unwrap();
    let response = service.clone().call(request).await.unwrap();
    response.status().as_u16()
}

/// Waits until the server loads nothing in the background: the paused clock advances when all tasks wait.
async fn settled() {
    tokio::time::sleep(SECOND / 1000).await;
}

/// Returns a token that is valid for some days, with other members.
fn lasting(signer: &Signer, issuer: &TestIssuer, members: Value) -> String {
    let lasting = merged(&claims(&issuer.url), json!({ "exp": seconds() + DAYS }));
    signer.sign(&merged(&lasting, members))
}

#[tokio::test(start_paused = true)]
async fn clocks_may_differ() {
    let row = row("leeway");
    row.says_refusal(None, Some(401));
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    let service = service(Auth::jwt(&issuer.url, SERVER)).await;
    let (now, leeway) = (
        Duration::from_millis(now()).as_secs_f64(),
        row.time().as_secs_f64(),
    );
    for (members, expected) in [
        (json!({ "exp": now - leeway + 0.5 }), 200),
        (json!({ "exp": now - leeway }), 401),
        (json!({ "nbf": now + leeway }), 200),
        (json!({ "nbf": now + leeway + 0.5 }), 401),
    ] {
        let token = signer.sign(&merged(&claims(&issuer.url), members.clone()));
        assert_eq!(status(&service, &token).await, expected, "{members}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_loaded_again_after_a_time() {
    let row = row("key-refresh");
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    let service = service(Auth::jwt(&issuer.url, SERVER)).await;
    let token = lasting(&signer, &issuer, json!({}));
    for (passed, loads) in [
        (Duration::ZERO, 1),
        (row.time().saturating_sub(SECOND), 1),
        (SECOND, 2),
    ] {
        tokio::time::advance(passed).await;
        assert_eq!(status(&service, &token).await, 200);
        settled().await;
        assert_eq!(issuer.count("/keys"), loads, "{passed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_are_loaded_with_pauses() {
    let row = row("key-cooldown");
    row.says("the known keys apply");
    let (old, new) = (Signer::es256("a"), Signer::es256("b"));
    let issuer = TestIssuer::start(&[&old]).await;
    let service = service(Auth::jwt(&issuer.url, SERVER)).await;
    let tokens = [&old, &new].map(|signer| lasting(signer, &issuer, json!({})));
    assert_eq!(status(&service, &tokens[0]).await, 200);
    issuer.publish(&[&old, &new]);
    for (passed, expected, loads) in [
        (row.time().saturating_sub(SECOND), 401, 1),
        (SECOND, 200, 2),
    ] {
        tokio::time::advance(passed).await;
        assert_eq!(status(&service, &tokens[0]).await, 200);
        assert_eq!(status(&service, &tokens[1]).await, expected);
        assert_eq!(issuer.count("/keys"), loads);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_while_the_issuer_is_away() {
    let row = row("keep-keys");
    row.says_refusal(None, Some(503));
    let signer = Signer::es256("a");
    let mut issuer = TestIssuer::start(&[&signer]).await;
    let service = service(Auth::jwt(&issuer.url, SERVER)).await;
    let known = lasting(&signer, &issuer, json!({}));
    assert_eq!(status(&service, &known).await, 200);
    issuer.go_away().await;
    for (number, (passed, expected)) in [(row.time().saturating_sub(SECOND), 200), (SECOND, 503)]
        .into_iter()
        .enumerate()
    {
        tokio::time::advance(passed).await;
        let new = lasting(&signer, &issuer, json!({ "sub": number.to_string() }));
        assert_eq!(status(&service, &new).await, expected);
        assert_eq!(status(&service, &known).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_issuer_are_kept() {
    let row = row("introspected");
    row.says("the issuer is asked again");
    let issuer = TestIssuer::start(&[]).await;
    let active = json!({ "active": true, "aud": SERVER, "sub": "ada", "exp": seconds() + DAYS });
    issuer.answer("/introspect", Answer::Json(active));
    let tokens = Auth::introspection(&issuer.url, SERVER, "server", "secret");
    let service = service(tokens).await;
    for (passed, asked) in [
        (Duration::ZERO, 1),
        (row.time().saturating_sub(SECOND), 1),
        (SECOND, 2),
    ] {
        tokio::time::advance(passed).await;
        assert_eq!(status(&service, "token").await, 200);
        assert_eq!(issuer.count("/introspect"), asked, "{passed:?}");
    }
}

/// A way that counts the callers whom another one does not know yet.
struct Counted<W>(W, Arc<AtomicUsize>);

impl<W: Authenticate> Authenticate for Counted<W> {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.authenticate(credentials)
    }

    fn known(&self, credentials: &Credentials<'_>) -> Option<Arc<Identity>> {
        self.0.known(credentials)
    }
}

/// Sends tokens. Returns how many of them were not known.
async fn verified(tokens: &[String], service: &HttpService, count: &AtomicUsize) -> usize {
    let before = count.load(Ordering::Relaxed);
    for token in tokens {
        assert_eq!(status(service, token).await, 200);
    }
    count.load(Ordering::Relaxed) - before
}

#[tokio::test]
async fn verified_tokens_are_known() {
    let row = row("verified").means("32 MiB at most");
    row.says("the token is verified again");
    let signer = Signer::es256("a");
    let issuer = TestIssuer::start(&[&signer]).await;
    let large = 10_000;
    // The memory of a token is about five times its claims.
    for (bytes, limit) in [(1, row.number()), (large, (32 << 20) / (5 * large))] {
        let count = Arc::new(AtomicUsize::new(0));
        let way = Counted(Auth::jwt(&issuer.url, SERVER), Arc::clone(&count));
        let service = service(way).await;
        let pad = "x".repeat(bytes);
        let token = |number: usize| {
            // The first ones expire first.
            let expires = seconds() + DAYS + i64::try_from(number).unwrap();
            let members = json!({ "sub": number.to_string(), "pad": pad, "exp": expires });
            lasting(&signer, &issuer, members)
        };
        let tokens: Vec<_> = (0..=limit).map(token).collect();
        let kept = if bytes == 1 {
            limit
        } else {
            limit - limit / 10
        };
        let fit = &tokens[..kept];
        assert_eq!(verified(fit, &service, &count).await, kept);
        assert_eq!(verified(fit, &service, &count).await, 0);
        assert_eq!(
            verified(&tokens[kept..], &service, &count).await,
            limit + 1 - kept
        );
        assert!(
            verified(fit, &service, &count).await > 0,
            "the first are forgotten"
        );
    }
}

/// Accepts all tokens.
struct Everybody;

impl Authenticate for Everybody {
    fn authenticate<'a>(&'a self, _: &'a Credentials<'a>) -> AuthFuture<'a> {
        let identity = Identity::new(Principal::new("ada"));
        Box::pin(ready(Ok(Some(identity))))
    }
}

#[tokio::test]
async fn revoked_tokens_are_kept() {
    let row = row("revoked");
    row.says("`ServerHandle::revoke_token` fails");
    let (service, handle) = service_and_handle(Everybody).await;
    for number in 0..row.number() {
        handle.revoke_token(&number.to_string()).await.unwrap();
    }
    let error = handle.revoke_token("token").await;
    assert!(matches!(error, Err(RevokeError::Full(_))), "{error:?}");
    for (token, expected) in [("0", 401), ("token", 200)] {
        assert_eq!(status(&service, token).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_stay_revoked() {
    let row = row("revoked-time").means("24 h after `exp`");
    row.says("the token is accepted again");
    let (service, handle) = service_and_handle(Everybody).await;
    handle.revoke_token("token").await.unwrap();
    for (passed, expected) in [
        (Duration::ZERO, 401),
        (row.time().saturating_sub(SECOND), 401),
        (SECOND, 200),
    ] {
        tokio::time::advance(passed).await;
        assert_eq!(status(&service, "token").await, expected, "{passed:?}");
    }
}
