//! The authentication of callers: API keys, and access tokens that their issuer explains. The rows of signed tokens and of times
//! of the day are tested in `mcp-runtime`.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use mcp_runtime::{Auth, AuthFuture, Authenticate, Credentials, HttpService};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;
use tower_service::Service as _;

use super::local::{call, http_request, server, service};
use super::page::row;
use super::process::{LEGACY, MODERN, post_headers};

const ERAS: [&str; 2] = [MODERN, LEGACY];
const AUDIENCE: &str = "https://server.example/mcp";

/// Sends a call with a token. Returns the status.
async fn status(service: &HttpService, revision: &str, token: &str) -> u16 {
    let message = call(revision, 1, "add", &json!({ "a": 2, "b": 3 })).to_string();
    let headers =
        post_headers(revision, &message, None) + &format!("Authorization: Bearer {token}\r\n");
    let request = http_request("127.0.0.1", &headers, message);
    let response = service.clone().call(request).await.unwrap();
    response.status().as_u16()
}

/// Serves an issuer, which answers questions about tokens with `answer`. Returns its URL.
async fn issuer<F>(answer: impl Fn() -> F + Clone + Send + Sync + 'static) -> String
where
    F: Future<Output = String> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let metadata = json!({
        "issuer": url, "jwks_uri": format!("{url}/keys"), "introspection_endpoint": format!("{url}/introspect"),
    });
    let metadata = metadata.to_string();
    let routes = Router::new()
        .route(
            "/.well-known/oauth-authorization-server",
            get(|| async move { metadata }),
        )
        .route("/introspect", post(answer));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

/// Returns the answer about a token that is active.
fn active(subject: &str) -> Value {
    json!({ "active": true, "aud": AUDIENCE, "sub": subject })
}

/// Returns a server whose callers have tokens of this issuer.
async fn introspecting(issuer: &str) -> HttpService {
    let tokens = Auth::introspection(issuer, AUDIENCE, "server", "secret");
    service(server().auth(tokens)).await
}

/// A way of authentication that never ends.
struct Hanging;

impl Authenticate for Hanging {
    fn authenticate<'a>(&'a self, _: &'a Credentials<'a>) -> AuthFuture<'a> {
        Box::pin(pending())
    }
}

/// Fails unless a token is refused with 503 after this time.
async fn is_unavailable_after(service: &HttpService, revision: &str, time: Duration) {
    let begin = Instant::now();
    assert_eq!(status(service, revision, "token").await, 503);
    let second = Duration::from_secs(1);
    let took = begin.elapsed();
    assert!((time..time + second).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn authentication_time() {
    let row = row("auth-time");
    row.says_refusal(None, Some(503));
    let service = service(server().auth(Hanging)).await;
    for revision in ERAS {
        is_unavailable_after(&service, revision, row.time()).await;
    }
}

#[tokio::test]
async fn lengths_of_keys() {
    let row = row("key-length").means("at least 8 different characters");
    row.says("the server cannot be built");
    let key = |different: usize, length: usize| -> String {
        let characters = "abcdefghij".chars().take(different).cycle();
        characters.take(length).collect()
    };
    for (different, length, is_accepted) in [
        (10, row.number(), true),
        (10, row.number() - 1, false),
        (8, row.number(), true),
        (7, row.number(), false),
    ] {
        let key = key(different, length);
        let keys = Auth::api_keys([("ada", &key)]);
        match server().auth(keys).into_service().await {
            Ok(service) => {
                assert!(is_accepted, "{key}");
                assert_eq!(status(&service, MODERN, &key).await, 200);
            }
            Err(error) => assert!(!is_accepted, "{error}"),
        }
    }
}

#[tokio::test]
async fn lengths_of_tokens() {
    let row = row("token-length");
    row.says_refusal(None, Some(401));
    let issuer = issuer(|| async { active("ada").to_string() }).await;
    let service = introspecting(&issuer).await;
    for revision in ERAS {
        for (length, expected) in [(row.number(), 200), (row.number() + 1, 401)] {
            let token = "t".repeat(length);
            assert_eq!(status(&service, revision, &token).await, expected);
        }
    }
}

#[tokio::test]
async fn lengths_of_subjects() {
    let row = row("subject-length");
    row.says_refusal(None, Some(401));
    for (length, expected) in [(row.number(), 200), (row.number() + 1, 401)] {
        let subject = "s".repeat(length);
        let answer = move || std::future::ready(active(&subject).to_string());
        let service = introspecting(&issuer(answer).await).await;
        assert_eq!(status(&service, MODERN, "token").await, expected);
    }
}

#[tokio::test]
async fn sizes_of_documents() {
    let row = row("fetch-size");
    row.says("unavailable");
    for (bytes, expected) in [(row.number(), 200), (row.number() + 1, 503)] {
        let mut answer = active("ada");
        answer["pad"] = "".into();
        let rest = bytes - answer.to_string().len();
        answer["pad"] = "x".repeat(rest).into();
        let answer = answer.to_string();
        assert_eq!(answer.len(), bytes);
        let answer = move || std::future::ready(answer.clone());
        let service = introspecting(&issuer(answer).await).await;
        assert_eq!(status(&service, MODERN, "token").await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn fetch_time() {
    let row = row("fetch-time").means("2 s to connect");
    row.says("unavailable");
    let never = issuer(pending::<String>).await;
    let service = introspecting(&never).await;
    for revision in ERAS {
        is_unavailable_after(&service, revision, row.time()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn connection_time() {
    let row = row("fetch-time").means("2 s to connect");
    row.says("unavailable");
    // Nobody accepts the connections, so that the queue of the listener is full after some of them.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let second = Duration::from_secs(1);
    while let Ok(stream) = tokio::time::timeout(second, TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 1000, "the queue is never full");
    }
    for revision in ERAS {
        let service = introspecting(&format!("http://{address}")).await;
        is_unavailable_after(&service, revision, Duration::from_secs(2)).await;
    }
}
