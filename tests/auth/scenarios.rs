//! The server scenarios of authorization that are proposed for the official conformance suite. Each test is one check and has
//! the name of its scenario.
//!
//! `sep-2350-server-scope-challenge` has the components, tokens and scopes of the proposal
//! (<https://github.com/modelcontextprotocol/conformance/issues/480>), and `auth-token-audience` the checks of
//! <https://github.com/modelcontextprotocol/conformance/issues/78>.

use std::net::SocketAddr;

use axum::routing::{get, post};
use mcp_runtime::prelude::*;
use mcp_runtime::{Auth, AuthFuture, Authenticate, Credentials, Identity, Principal};
use serde_json::{Value, json};

use crate::fixture::components;
use crate::http::{Client, ERAS, Reply, bearer, exchange, request, start};

const LOW: &str = "mcp-conformance-scope-low";
const FULL: &str = "mcp-conformance-scope-full";
const BASELINE: &str = "mcp:conformance:baseline";
const AUTHORIZATION_SERVER: &str = "https://auth.example.com";
const METADATA: &str = "http://localhost/.well-known/oauth-protected-resource/mcp";

/// An operation of the proposal, and the scopes that it needs, in the order of their names.
type Operation = (&'static str, Value, [&'static str; 2]);

fn operations() -> [Operation; 4] {
    [
        (
            "tools/call",
            json!({ "name": "test_simple_text", "arguments": {} }),
            [
                "mcp:conformance:tools:call",
                "mcp:conformance:tools:test_simple_text",
            ],
        ),
        (
            "resources/read",
            json!({ "uri": "test://static-text" }),
            [
                "mcp:conformance:resources:read",
                "mcp:conformance:resources:static",
            ],
        ),
        (
            "resources/read",
            json!({ "uri": "test://template/123/data" }),
            [
                "mcp:conformance:resources:read",
                "mcp:conformance:resources:template:123",
            ],
        ),
        (
            "prompts/get",
            json!({ "name": "test_simple_prompt" }),
            [
                "mcp:conformance:prompts:get",
                "mcp:conformance:prompts:test_simple_prompt",
            ],
        ),
    ]
}

/// The tokens of the proposal.
struct Opaque;

impl Authenticate for Opaque {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        let caller = || Identity::new(Principal::new("caller"));
        let identity = match credentials.bearer() {
            Some(LOW) => Some(caller().scopes([BASELINE])),
            Some(FULL) => {
                let needed = operations().into_iter().flat_map(|(_, _, needed)| needed);
                Some(caller().scopes(needed.chain([BASELINE])))
            }
            _ => None,
        };
        Box::pin(std::future::ready(Ok(identity)))
    }

    fn authorization_servers(&self) -> Vec<String> {
        vec![AUTHORIZATION_SERVER.to_owned()]
    }
}

/// Return a text.
#[tool(scopes("mcp:conformance:tools:call", "mcp:conformance:tools:test_simple_text"))]
async fn test_simple_text() -> &'static str {
    "This is a simple text response for testing."
}

/// A text.
#[resource(
    "test://static-text",
    scopes("mcp:conformance:resources:read", "mcp:conformance:resources:static")
)]
async fn static_text() -> &'static str {
    "This is the content of the static text resource."
}

/// The data of an id.
#[resource(
    "test://template/{id}/data",
    scopes(
        "mcp:conformance:resources:read",
        "mcp:conformance:resources:template:123"
    )
)]
async fn template_data(id: String) -> String {
    id
}

/// A prompt.
#[prompt(scopes(
    "mcp:conformance:prompts:get",
    "mcp:conformance:prompts:test_simple_prompt"
))]
async fn test_simple_prompt() -> &'static str {
    "This is a simple prompt for testing."
}

async fn challenged() -> SocketAddr {
    let operations = components![
        test_simple_text,
        static_text,
        template_data,
        test_simple_prompt
    ];
    let server = Server::new("conformance", "1").with(operations);
    start(server.auth(Opaque)).await
}

/// Sends each operation in both eras.
async fn each_operation(token: &str, check: impl Fn(&Reply, [&str; 2])) {
    let address = challenged().await;
    for revision in ERAS {
        let client = Client::new(address, revision, FULL).await;
        for (method, params, needed) in operations() {
            let reply = client.request(method, params, &[bearer(token)]).await;
            check(&reply, needed);
        }
    }
}

#[tokio::test]
async fn sep_2350_server_scope_challenge_is_a_403() {
    each_operation(LOW, |reply, _| assert_eq!(reply.status, 403, "{reply:?}")).await;
}

#[tokio::test]
async fn sep_2350_server_scope_challenge_has_the_error_and_the_metadata() {
    each_operation(LOW, |reply, _| {
        let challenge = reply.challenge();
        assert_eq!(challenge["error"], "insufficient_scope");
        assert_eq!(challenge["resource_metadata"], METADATA);
    })
    .await;
}

/// The check `sep-2350-server-single-challenge`.
#[tokio::test]
async fn sep_2350_server_scope_challenge_names_all_scopes_at_once() {
    each_operation(LOW, |reply, needed| {
        let challenge = reply.challenge();
        let mut scopes: Vec<&str> = challenge["scope"].split(' ').collect();
        scopes.sort_unstable();
        assert_eq!(scopes, needed);
    })
    .await;
}

#[tokio::test]
async fn sep_2350_server_scope_challenge_ends_with_the_token_that_was_asked_for() {
    each_operation(FULL, |reply, _| {
        assert_eq!(reply.status, 200, "{reply:?}");
        let message = reply.message();
        assert!(message.get("result").is_some(), "{message}");
    })
    .await;
}

const SERVER: &str = "https://server.example/mcp";

/// Returns the answer about a token, whose text says for whom it is.
fn introspected(form: &str) -> Value {
    let other = "https://server.example/mcp/other";
    let audience = match form.split('&').next() {
        Some("token=for-us") => json!(SERVER),
        Some("token=for-us-and-others") => json!([other, SERVER]),
        Some("token=for-others") => json!([other, "https://server.example"]),
        Some("token=for-nobody") => json!([]),
        _ => Value::Null,
    };
    json!({ "active": true, "sub": "caller", "aud": audience })
}

/// Starts a server whose authorization server is on loopback.
async fn introspecting() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = format!("{issuer}/introspect");
    let metadata = json!({ "issuer": issuer, "introspection_endpoint": endpoint });
    let metadata = async move || axum::Json(metadata.clone());
    let introspect = async |form: String| axum::Json(introspected(&form));
    let router = axum::Router::new()
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/introspect", post(introspect));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let introspection = Auth::introspection(&issuer, SERVER, "server", "secret");
    start(components().auth(introspection)).await
}

/// The check `server-token-valid-accepted`.
#[tokio::test]
async fn auth_token_audience_of_this_server_is_accepted() {
    let address = introspecting().await;
    for revision in ERAS {
        for token in ["for-us", "for-us-and-others"] {
            let client = Client::new(address, revision, token).await;
            let reply = client.request("ping", json!({}), &[bearer(token)]).await;
            assert_ne!(reply.status, 401, "{reply:?}");
        }
    }
}

/// The check `server-token-audience-validation`.
#[tokio::test]
async fn auth_token_audience_of_another_server_is_refused() {
    let address = introspecting().await;
    for revision in ERAS {
        let client = Client::new(address, revision, "for-us").await;
        for token in ["for-others", "for-nobody", "without-audience"] {
            let reply = client.request("ping", json!({}), &[bearer(token)]).await;
            assert_eq!(reply.status, 401, "{token} {reply:?}");
            assert_eq!(reply.challenge()["error"], "invalid_token", "{token}");
        }
    }
}

async fn get_metadata(address: SocketAddr, path: &str) -> Value {
    let reply = exchange(address, &request(&format!("GET {path}"), &[], "")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.message()
}

#[tokio::test]
async fn prm_discovery_works_at_both_well_known_paths() {
    let address = challenged().await;
    let root = get_metadata(address, "/.well-known/oauth-protected-resource").await;
    let own = get_metadata(address, "/.well-known/oauth-protected-resource/mcp").await;
    assert_eq!(root, own);
    assert_eq!(own["resource"], "http://localhost/mcp");
}

#[tokio::test]
async fn prm_discovery_names_the_authorization_servers_and_how_tokens_are_sent() {
    let address = challenged().await;
    let metadata = get_metadata(address, "/.well-known/oauth-protected-resource/mcp").await;
    assert_eq!(
        metadata["authorization_servers"],
        json!([AUTHORIZATION_SERVER])
    );
    assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
    let scopes = metadata["scopes_supported"].as_array().unwrap();
    assert!(!scopes.is_empty() && !scopes.contains(&json!("offline_access")));
}

#[tokio::test]
async fn prm_discovery_has_no_metadata_of_other_paths() {
    let address = challenged().await;
    for path in ["/other", "/mcp/other", "/MCP", "mcp"] {
        let line = format!("GET /.well-known/oauth-protected-resource{path}");
        let reply = exchange(address, &request(&line, &[], "")).await;
        assert_eq!(reply.status, 404, "{path} {reply:?}");
    }
}

/// Sends each operation without valid credentials, in both eras.
async fn each_refusal(check: impl Fn(&Reply, bool)) {
    let address = challenged().await;
    for revision in ERAS {
        let client = Client::new(address, revision, FULL).await;
        for (method, params, _) in operations() {
            let without = client.request(method, params.clone(), &[]).await;
            check(&without, false);
            let stranger = [bearer("unknown-token")];
            let with = client.request(method, params, &stranger).await;
            check(&with, true);
        }
    }
}

#[tokio::test]
async fn unauthorized_response_is_a_401_without_data() {
    each_refusal(|reply, _| {
        assert_eq!(reply.status, 401, "{reply:?}");
        let message = reply.message();
        assert!(message.get("error").is_some() && message.get("result").is_none());
        assert_eq!(message["error"].get("data"), None, "{message}");
    })
    .await;
}

#[tokio::test]
async fn www_authenticate_header_leads_to_the_metadata() {
    each_refusal(|reply, _| assert_eq!(reply.challenge()["resource_metadata"], METADATA)).await;
    let address = challenged().await;
    let path = METADATA.strip_prefix("http://localhost").unwrap();
    assert_eq!(
        get_metadata(address, path).await["resource"],
        "http://localhost/mcp"
    );
}

/// RFC 6750: a request without credentials is not told of an error.
#[tokio::test]
async fn www_authenticate_header_has_an_error_only_after_credentials() {
    each_refusal(|reply, has_credentials| {
        let challenge = reply.challenge();
        let error = has_credentials.then_some("invalid_token");
        assert_eq!(challenge.get("error").map(String::as_str), error);
    })
    .await;
}

#[tokio::test]
async fn www_authenticate_header_names_the_scopes_to_ask_for() {
    each_refusal(|reply, _| {
        let challenge = reply.challenge();
        let scopes: Vec<&str> = challenge["scope"].split(' ').collect();
        assert_eq!(scopes.len(), 7, "{scopes:?}");
    })
    .await;
}
