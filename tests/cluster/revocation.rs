//! Tokens that are revoked at one replica.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_runtime::prelude::*;
use mcp_runtime::{
    ApiKey, Auth, AuthFuture, Authenticate, Credentials, Identity, Principal, RevokeError,
};
use mcp_tests::Outcome;
use mcp_tests::raw_http::{self, Connection, Response, modern_headers};
use serde_json::json;
use tokio::net::TcpListener;

use crate::replicas::{LEGACY, Replica, SharedStore, events_until, get as get_page, until};

const AUDIENCE: &str = "https://server.example/mcp";
const API_KEY: &str = "ada-0123456789abcdef-0123456789abcdef";

/// Say hello.
#[tool]
async fn hello() -> &'static str {
    "Hello!"
}

/// An issuer that is asked about tokens.
#[derive(Clone, Default)]
struct Issuer {
    asked: Arc<AtomicUsize>,
    is_withdrawn: Arc<AtomicBool>,
}

impl Issuer {
    /// Serves the issuer. Returns its URL.
    async fn start(&self) -> Outcome<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let metadata =
            json!({ "issuer": url, "introspection_endpoint": format!("{url}/introspect") });
        let (metadata, issuer) = (metadata.to_string(), self.clone());
        let routes = Router::new()
            .route(
                "/.well-known/oauth-authorization-server",
                get(|| async move { metadata }),
            )
            .route("/introspect", post(|| async move { issuer.answer() }));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(url)
    }

    fn answer(&self) -> String {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let active = !self.is_withdrawn.load(Ordering::SeqCst);
        json!({ "active": active, "aud": AUDIENCE, "sub": "ada" }).to_string()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Accepts all tokens, and keeps none.
struct Everybody;

impl Authenticate for Everybody {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        let identity = credentials
            .bearer()
            .map(|_| Identity::new(Principal::new("ada")));
        Box::pin(std::future::ready(Ok(identity)))
    }
}

/// Starts a server.
async fn start(server: Server) -> Outcome<Replica> {
    let server = server.with(components![hello]).session_keys([[7; 32]]);
    let handle = server.handle();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(server.serve_listener_with_shutdown(listener, std::future::pending()));
    until(|| Ok(get_page(address, "/ready", "")?.status == 200))?;
    Ok(Replica { address, handle })
}

/// Starts a replica whose callers have tokens of this issuer.
async fn replica(store: &SharedStore, issuer: &str, cached: Duration) -> Outcome<Replica> {
    let tokens = Auth::introspection(issuer, AUDIENCE, "server", "secret").cache_for(cached);
    start(
        Server::new("replicas", "1")
            .auth(tokens)
            .cluster(store.clone()),
    )
    .await
}

const MINUTE: Duration = Duration::from_secs(60);

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Lists the tools with a token.
fn list(address: SocketAddr, token: &str) -> Outcome<Response> {
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/list",
        "params": { "_meta": meta() },
    });
    let headers = modern_headers("tools/list", None) + &bearer(token);
    Connection::open(address)?.ask(&headers, &body.to_string())
}

fn meta() -> serde_json::Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "x", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn is(replica: &Replica, token: &str, status: u16) -> Outcome<()> {
    let response = list(replica.address, token)?;
    if response.status != status {
        return Err(format!("{token}: {} and not {status}", response.status).into());
    }
    let is_invalid = response
        .challenge
        .is_some_and(|challenge| challenge.contains(r#"error="invalid_token""#));
    assert_eq!(is_invalid, status == 401, "{token}");
    Ok(())
}

/// Listens with a token: in the stateless era, and on the GET stream of a session.
fn listen(replica: &Replica, token: &str) -> Outcome<[Connection; 2]> {
    use std::io::Write as _;

    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": { "notifications": { "toolsListChanged": true }, "_meta": meta() },
    });
    let mut modern = Connection::open(replica.address)?;
    let headers = modern_headers("subscriptions/listen", None) + &bearer(token);
    modern.post(&headers, &body.to_string())?;
    assert_eq!(modern.head()?.status, 200);
    events_until(&mut modern, "acknowledged")?;
    let initialize = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{LEGACY}","capabilities":{{}},"clientInfo":{{"name":"x","version":"1"}}}}}}"#
    );
    let (session, _) = raw_http::session(replica.address, LEGACY, &bearer(token), &initialize)?;
    let mut legacy = Connection::open(replica.address)?;
    let request = format!(
        "GET /mcp HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n{session}{}\r\n",
        replica.address,
        bearer(token)
    );
    legacy.socket().write_all(request.as_bytes())?;
    assert_eq!(legacy.head()?.status, 200);
    Ok([modern, legacy])
}

/// Reads streams to their ends.
fn end(streams: [Connection; 2]) -> Outcome<()> {
    for mut stream in streams {
        while !stream.chunk()?.is_empty() {}
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_at_one_replica_is_refused_at_all() -> Outcome<()> {
    let (store, issuer) = (SharedStore::default(), Issuer::default());
    let url = issuer.start().await?;
    let one = replica(&store, &url, MINUTE).await?;
    let other = replica(&store, &url, MINUTE).await?;
    for replica in [&one, &other] {
        for token in ["revoked", "valid", "revoked", "valid"] {
            is(replica, token, 200)?;
        }
    }
    assert_eq!(issuer.asked(), 4, "both tokens are cached at both replicas");
    one.handle.revoke_token("revoked").await?;
    is(&one, "revoked", 401)?;
    until(|| Ok(list(other.address, "revoked")?.status == 401))?;
    let late = replica(&store, &url, MINUTE).await?;
    for replica in [&one, &other, &late] {
        // Twice: what is refused is not kept.
        for _ in 0..2 {
            is(replica, "revoked", 401)?;
            is(replica, "valid", 200)?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_store_no_token_is_revoked_and_no_new_one_is_accepted() -> Outcome<()> {
    let (store, issuer) = (SharedStore::default(), Issuer::default());
    let url = issuer.start().await?;
    let one = replica(&store, &url, MINUTE).await?;
    is(&one, "cached", 200)?;
    store.set_away(true);
    let error = one.handle.revoke_token("cached").await;
    assert!(matches!(error, Err(RevokeError::Store(_))), "{error:?}");
    is(&one, "cached", 200)?;
    is(&one, "new", 503)?;
    store.set_away(false);
    is(&one, "new", 200)?;
    one.handle.revoke_token("cached").await?;
    is(&one, "cached", 401)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_its_issuer_withdraws_is_asked_about_at_all_replicas() -> Outcome<()> {
    let (store, issuer) = (SharedStore::default(), Issuer::default());
    let url = issuer.start().await?;
    // One asks for each request, and the other once in a minute.
    let one = replica(&store, &url, Duration::ZERO).await?;
    let other = replica(&store, &url, MINUTE).await?;
    is(&one, "token", 200)?;
    is(&other, "token", 200)?;
    issuer.is_withdrawn.store(true, Ordering::SeqCst);
    is(&one, "unknown", 401)?;
    std::thread::sleep(Duration::from_millis(200));
    is(&other, "token", 200)?;
    is(&one, "token", 401)?;
    until(|| Ok(list(other.address, "token")?.status == 401))
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_a_revoked_token_end_and_others_stay_open() -> Outcome<()> {
    let (store, issuer) = (SharedStore::default(), Issuer::default());
    let url = issuer.start().await?;
    let one = replica(&store, &url, MINUTE).await?;
    let other = replica(&store, &url, MINUTE).await?;
    let revoked = [listen(&one, "revoked")?, listen(&other, "revoked")?];
    let [mut valid, _] = listen(&other, "valid")?;
    one.handle.revoke_token("revoked").await?;
    for streams in revoked {
        end(streams)?;
    }
    let notifier = other.handle.notify().ok_or("no server")?;
    notifier.tools_changed();
    events_until(&mut valid, "notifications/tools/list_changed")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_authentication_refuses_a_revoked_token() -> Outcome<()> {
    let keys = Auth::api_keys([ApiKey::new("ada", API_KEY)]);
    let server = Server::new("alone", "1").auth(keys).auth(Everybody);
    assert_eq!(
        server.handle().revoke_token("early").await,
        Err(RevokeError::NotRunning)
    );
    let one = start(server).await?;
    is(&one, "token", 200)?;
    one.handle.revoke_token("token").await?;
    is(&one, "token", 401)?;
    is(&one, "other", 200)?;
    assert_eq!(
        one.handle.revoke_token(API_KEY).await,
        Err(RevokeError::Known)
    );
    for text in ["", "Bearer token"] {
        let error = one.handle.revoke_token(text).await;
        assert_eq!(error, Err(RevokeError::NotAToken));
    }
    Ok(())
}

/// Everybody can make a second valid signature from one of ECDSA.
#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_is_revoked_with_every_signature() -> Outcome<()> {
    let one = start(Server::new("alone", "1").auth(Everybody)).await?;
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!(
        "{}.{}",
        part(json!({ "alg": "ES256" })),
        part(json!({ "sub": "ada" }))
    );
    one.handle.revoke_token(&format!("{message}.c2ln")).await?;
    is(&one, &format!("{message}.c2ln"), 401)?;
    is(&one, &format!("{message}.b3RoZXI"), 401)?;
    let other = format!(
        "{}.{}.c2ln",
        part(json!({ "alg": "ES256" })),
        part(json!({ "sub": "bob" }))
    );
    is(&one, &other, 200)
}
