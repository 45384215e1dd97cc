//! The built-in client, against servers of this process.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use mcp_runtime::{HttpClient, OpenApi, Server};
use mcp_tests::client::{Client, Connect as _};
use serde_json::json;
use tokio::net::TcpListener;

use crate::api::specification;

async fn serve(client: HttpClient) -> Client {
    let application = Router::new()
        .route(
            "/echo",
            post(async |headers: HeaderMap, body: String| {
                let agent = headers[header::USER_AGENT].to_str().unwrap().to_owned();
                format!("{agent} {body}")
            }),
        )
        .route("/large", get(async || "x".repeat(5000)))
        .route("/slow", get(async || std::future::pending::<()>().await))
        .route(
            "/moved",
            get(async || (StatusCode::FOUND, [(header::LOCATION, "/echo")])),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, application).into_future());
    let paths = json!({
        "/echo": { "post": { "operationId": "echo", "requestBody": { "content": { "text/plain": {} } } } },
        "/large": { "get": { "operationId": "large" } },
        "/slow": { "get": { "operationId": "slow" } },
        "/moved": { "get": { "operationId": "moved" } },
        "/away": { "get": { "operationId": "away", "servers": [{ "url": "http://127.0.0.1:1" }] } },
        "/tls": { "get": { "operationId": "tls", "servers": [{ "url": url.replace("http", "https") }] } },
    });
    let mut spec: serde_json::Value =
        serde_json::from_str(&specification("3.1.0", paths, json!({}))).unwrap();
    spec["servers"][0]["url"] = url.into();
    let spec = OpenApi::new(&spec.to_string()).unwrap();
    Server::openapi(spec, client).unwrap().connect().await
}

#[tokio::test]
async fn requests_are_sent() {
    let client = serve(HttpClient::new()).await;
    for _ in 0..2 {
        let reply = client.call("echo", json!({ "body": "hi" })).await.unwrap();
        assert_eq!(
            reply.text(),
            concat!("mcp-runtime/", env!("CARGO_PKG_VERSION"), " hi")
        );
    }
}

#[tokio::test]
async fn failures_are_texts() {
    let client = serve(HttpClient::new().largest_response(1000)).await;
    for (name, message) in [
        ("large", "the response is larger than 1000 bytes"),
        (
            "moved",
            "redirects to /echo, and redirects are not followed",
        ),
        ("away", "the API cannot be reached: Connection refused"),
        ("tls", "the API cannot be reached: "),
    ] {
        let reply = client.call(name, json!({})).await.unwrap();
        assert!(reply.is_error());
        assert!(reply.text().contains(message), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_request_has_a_time_limit() {
    let limit = Duration::from_millis(10);
    let client = serve(HttpClient::new().time_limit(limit)).await;
    let reply = client.call("slow", json!({})).await.unwrap();
    assert!(reply.is_error());
    assert_eq!(reply.text(), "the API does not answer within 10ms");
}
