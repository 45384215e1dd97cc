//! The kinds of credentials, and who learns of them.

use serde_json::json;

use crate::fixture::{ADA, BOB, server};
use crate::http::{Client, ERAS, Reply, bearer, exchange, request, start};

async fn who(client: &Client, headers: &[(&str, String)]) -> Reply {
    let params = json!({ "name": "who" });
    client.request("tools/call", params, headers).await
}

fn text(reply: &Reply) -> String {
    let message = reply.message();
    let text = message["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{reply:?}")).to_owned()
}

#[tokio::test]
async fn each_kind_of_credentials_identifies_its_caller() {
    let address = start(server()).await;
    for revision in ERAS {
        let client = Client::new(address, revision, ADA).await;
        for (headers, caller) in [
            (vec![bearer(ADA)], r#"Some("ada") Some("")"#),
            (
                vec![("authorization", format!("bearer {BOB}"))],
                r#"Some("bob") Some("calendar:write calendar:read plan")"#,
            ),
            (
                vec![("X-API-Key", ADA.to_owned())],
                r#"Some("ada") Some("")"#,
            ),
            (
                vec![bearer("token-of-ada")],
                r#"Some("ada (https://auth.example.com)") Some("calendar:read other")"#,
            ),
        ] {
            assert_eq!(text(&who(&client, &headers).await), caller, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn credentials_that_are_not_valid_are_refused() {
    let address = start(server()).await;
    let header = |name: &'static str, value: &str| vec![(name, value.to_owned())];
    let authorization = |value: &str| header("Authorization", value);
    for revision in ERAS {
        let client = Client::new(address, revision, ADA).await;
        for (headers, status, error) in [
            (vec![], 401, None),
            (authorization("Basic YTpi"), 401, None),
            (authorization("foo"), 401, None),
            (authorization("Bearer foo"), 401, Some("invalid_token")),
            (
                authorization("Bearer token-revoked"),
                401,
                Some("invalid_token"),
            ),
            (
                authorization("Bearer token-expired"),
                401,
                Some("invalid_token"),
            ),
            (authorization("Bearer"), 400, Some("invalid_request")),
            (authorization("Bearer a b"), 400, Some("invalid_request")),
            (vec![bearer(ADA), bearer(ADA)], 400, Some("invalid_request")),
            (header("X-API-Key", "foo"), 401, Some("invalid_token")),
            (
                [header("X-API-Key", ADA), header("X-API-Key", ADA)].concat(),
                401,
                Some("invalid_token"),
            ),
            // The key is decided by its own header.
            (
                [header("X-API-Key", "foo"), vec![bearer(ADA)]].concat(),
                401,
                Some("invalid_token"),
            ),
        ] {
            let reply = who(&client, &headers).await;
            assert_eq!(reply.status, status, "{headers:?} {reply:?}");
            let challenge = reply.challenge();
            assert_eq!(challenge.get("error").map(String::as_str), error);
            // Nothing says why, or which tokens exist.
            for part in ["revoked", "expired at", "unknown"] {
                assert!(!reply.body.contains(part), "{reply:?}");
            }
        }
        for token in ["token-unavailable", "token-panicking"] {
            let reply = who(&client, &[bearer(token)]).await;
            assert_eq!(reply.status, 503);
            assert!(reply.header("retry-after").is_some());
            let has_reason = reply.body.contains("network") || reply.body.contains("panic");
            assert!(!has_reason, "{reply:?}");
            assert_eq!(reply.header("www-authenticate"), None);
        }
    }
}

/// OAuth 2.1 forbids tokens in the query of a URI.
#[tokio::test]
async fn a_token_in_the_query_is_not_read() {
    let address = start(server()).await;
    for name in ["access_token", "token", "api_key"] {
        let line = format!("POST /mcp?{name}={ADA}");
        let reply = exchange(address, &request(&line, &[], "")).await;
        assert_eq!(reply.status, 401);
    }
}

#[tokio::test(start_paused = true)]
async fn an_authentication_that_hangs_is_ended() {
    use mcp_runtime::HttpBody;
    use tower::Service as _;
    let mut service = server().into_service().await.unwrap();
    let (name, value) = bearer("token-hanging");
    let request = axum::http::Request::post("http://localhost/mcp");
    let request = request.header(name, value).body(String::new()).unwrap();
    let response: axum::http::Response<HttpBody> = service.call(request).await.unwrap();
    assert_eq!(response.status(), 503);
}

#[tokio::test]
async fn handlers_do_not_see_credentials_unless_the_server_exposes_them() {
    let names = [
        "authorization",
        "x-api-key",
        "proxy-authorization",
        "x-other",
    ];
    let headers = [
        bearer(ADA),
        ("X-API-Key", ADA.to_owned()),
        ("Proxy-Authorization", "secret".to_owned()),
        ("X-Other", "seen".to_owned()),
    ];
    let bearer_ada = format!("Bearer {ADA}");
    for (is_exposed, seen) in [
        (false, json!([null, null, null, "seen"])),
        (true, json!([bearer_ada, ADA, "secret", "seen"])),
    ] {
        let server = server();
        let server = if is_exposed {
            server.expose_credentials()
        } else {
            server
        };
        let address = start(server).await;
        for revision in ERAS {
            let client = Client::new(address, revision, ADA).await;
            let params = json!({ "name": "read_headers", "arguments": { "names": names } });
            let reply = client.request("tools/call", params, &headers).await;
            let text = text(&reply);
            let values: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(values, seen, "{revision:?}");
        }
    }
}
