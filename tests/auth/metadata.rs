//! The metadata of the protected resource, and the challenges that lead to it.

use mcp_runtime::{ApiKey, Auth, Server};
use serde_json::{Value, json};

use crate::fixture::{ADA, components, server};
use crate::http::{Reply, exchange, request, start};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

async fn get(server: Server, path: &str, headers: &[(&str, &str)]) -> Reply {
    let address = start(server).await;
    exchange(address, &request(&format!("GET {path}"), headers, "")).await
}

async fn challenge(server: Server, headers: &[(&str, &str)]) -> (String, Option<String>) {
    let address = start(server).await;
    let reply = exchange(address, &request("POST /mcp", headers, "{}")).await;
    assert_eq!(reply.status, 401);
    let mut challenge = reply.challenge();
    let scope = challenge.remove("scope");
    (challenge.remove("resource_metadata").unwrap(), scope)
}

#[tokio::test]
async fn the_metadata_is_at_both_paths_and_needs_no_credentials() {
    for path in [WELL_KNOWN, "/.well-known/oauth-protected-resource/mcp"] {
        let reply = get(server(), path, &[("Host", "LOCALHOST:3000")]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let expected = json!({
            "resource": "http://localhost:3000/mcp",
            "authorization_servers": ["https://auth.example.com"],
            "bearer_methods_supported": ["header"],
            "resource_name": "The calendar",
            // Those of hidden components are not named.
            "scopes_supported": ["calendar:read", "calendar:write", "plan"],
        });
        assert_eq!(reply.message(), expected);
    }
    for path in [
        "/.well-known/oauth-protected-resource/other",
        "/.well-known/oauth-protected-resourcemcp",
        "/.well-known/oauth-protected-resource/mcp/",
        "/.well-known/oauth-authorization-server",
    ] {
        assert_eq!(get(server(), path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_read_the_metadata() {
    let address = start(server()).await;
    let origin = ("Origin", "http://localhost:1");
    let headers = [
        origin,
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "mcp-protocol-version"),
    ];
    let line = format!("OPTIONS {WELL_KNOWN}/mcp");
    let preflight = exchange(address, &request(&line, &headers, "")).await;
    assert_eq!(preflight.status, 204);
    let line = format!("GET {WELL_KNOWN}/mcp");
    let reply = exchange(address, &request(&line, &[origin], "")).await;
    let allowed = reply.header("access-control-allow-origin");
    assert_eq!(allowed, Some("http://localhost:1"));
    let line = format!("POST {WELL_KNOWN}/mcp");
    let reply = exchange(address, &request(&line, &[], "")).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
}

#[tokio::test]
async fn the_url_of_the_resource_is_that_of_the_request_or_the_configured_one() {
    for (url, host, path, resource, metadata) in [
        (
            None,
            "localhost",
            "/mcp",
            "http://localhost/mcp",
            "http://localhost/.well-known/oauth-protected-resource/mcp",
        ),
        (
            None,
            "127.0.0.1:8000",
            "/api/v1",
            "http://127.0.0.1:8000/api/v1",
            "http://127.0.0.1:8000/.well-known/oauth-protected-resource/api/v1",
        ),
        (
            None,
            "localhost",
            "/",
            "http://localhost",
            "http://localhost/.well-known/oauth-protected-resource",
        ),
        (
            Some("https://API.example.com/mcp"),
            "localhost",
            "/mcp",
            "https://api.example.com/mcp",
            "https://api.example.com/.well-known/oauth-protected-resource/mcp",
        ),
        (
            Some("https://api.example.com/"),
            "localhost",
            "/mcp",
            "https://api.example.com",
            "https://api.example.com/.well-known/oauth-protected-resource",
        ),
    ] {
        let server = || {
            let server = server().http_path(path);
            match url {
                Some(url) => server.resource_url(url),
                None => server,
            }
        };
        let reply = get(server(), WELL_KNOWN, &[("Host", host)]).await;
        assert_eq!(reply.message()["resource"], resource);
        let line = format!("POST {path}");
        let address = start(server()).await;
        let reply = exchange(address, &request(&line, &[("Host", host)], "")).await;
        assert_eq!(reply.challenge()["resource_metadata"], metadata);
    }
}

#[tokio::test]
async fn the_challenge_names_the_scopes_that_clients_ask_for_first() {
    let all = Some("calendar:read calendar:write plan".to_owned());
    assert_eq!(challenge(server(), &[]).await.1, all);
    let few = server().initial_scopes(["calendar:read"]);
    assert_eq!(
        challenge(few, &[]).await.1.as_deref(),
        Some("calendar:read")
    );
    let none = server().initial_scopes([""; 0]);
    assert_eq!(challenge(none, &[]).await.1, None);
}

/// Without an authorization server there is nothing to discover.
#[tokio::test]
async fn a_server_with_keys_only_has_no_metadata() {
    let keys = || components().auth(Auth::api_keys([ApiKey::new("ada", ADA)]));
    assert_eq!(get(keys(), WELL_KNOWN, &[]).await.status, 404);
    let address = start(keys().initial_scopes([""; 0])).await;
    let reply = exchange(address, &request("POST /mcp", &[], "{}")).await;
    assert_eq!(reply.status, 401);
    let header = reply.header("www-authenticate");
    assert_eq!(header, Some("Bearer realm=\"mcp\""));
}

#[tokio::test]
async fn a_server_without_authentication_has_no_such_path() {
    use mcp_runtime::prelude::*;
    /// Is for everybody.
    #[tool]
    async fn open() {}
    let server = || Server::new("x", "1").with(components![open]);
    assert_eq!(get(server(), WELL_KNOWN, &[]).await.status, 404);
    let address = start(server()).await;
    let line = format!("POST {WELL_KNOWN}");
    let reply = exchange(address, &request(&line, &[], "{}")).await;
    assert_eq!(reply.status, 404);
    let reply = exchange(address, &request("POST /mcp", &[], "{}")).await;
    assert_eq!(reply.status, 415);
}

#[tokio::test]
async fn mistakes_of_the_options_are_reported_when_the_server_is_built() {
    for (server, problem) in [
        (
            server().resource_url("api.example.com"),
            "the URL of the resource `api.example.com` must be absolute",
        ),
        (
            server().initial_scopes(["a b"]),
            "`initial_scopes`: `a b` is not a scope",
        ),
        (
            server().implies("a", ["b\""]),
            "`implies`: `b\"` is not a scope",
        ),
        (
            components(),
            "tool `add_event` needs the scope `calendar:write`, and the server has no authorization: add `.auth(..)`",
        ),
    ] {
        let built = server.start().await;
        let error = built.map(drop).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

/// A mounted server answers at the well-known path if the router sends requests for it there.
#[tokio::test]
async fn a_mounted_server_answers_at_the_root() {
    let service = server().into_service().await.unwrap();
    let router = axum::Router::new()
        .route_service("/tools/mcp", service.clone())
        .route_service("/.well-known/oauth-protected-resource/tools/mcp", service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let reply = exchange(address, &request("POST /tools/mcp", &[], "{}")).await;
    let path = "/.well-known/oauth-protected-resource/tools/mcp";
    let metadata = &reply.challenge()["resource_metadata"];
    assert_eq!(*metadata, format!("http://localhost{path}"));
    let reply = exchange(address, &request(&format!("GET {path}"), &[], "")).await;
    let message: Value = reply.message();
    assert_eq!(message["resource"], "http://localhost/tools/mcp");
}
