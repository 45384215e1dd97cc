//! The keys of replicas: sessions and states of one replica are those of all.

use std::sync::Arc;

use http::{Request, StatusCode};
use mcp_runtime::prelude::*;
use mcp_runtime::{HttpService, ServeError, Store};
use mcp_tests::stores::{Away, Faulty, Shared};
use serde_json::{Value, json};
use tower_service::Service as _;

/// Say hello.
#[tool]
async fn hello() -> &'static str {
    "Hello!"
}

fn server() -> Server {
    Server::new("app", "1.0.0").with(components![hello])
}

async fn replica(server: Server, store: &Shared) -> HttpService {
    let server = server.cluster(Arc::clone(store));
    server.into_service().await.unwrap()
}

/// Sends a request, and returns the status and the id of the session.
async fn post(
    service: &HttpService,
    session: Option<&str>,
    method: &str,
    params: Value,
) -> (StatusCode, Option<String>) {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut request = Request::post("http://localhost/")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream");
    if let Some(session) = session {
        request = request.header("Mcp-Session-Id", session);
    }
    let request = request.body(body.to_string()).unwrap();
    let response = service.clone().call(request).await.unwrap();
    let session = response.headers().get("mcp-session-id");
    let session = session.map(|id| id.to_str().unwrap().to_owned());
    (response.status(), session)
}

/// Begins a session and returns its id.
async fn session(service: &HttpService) -> String {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    let (status, session) = post(service, None, "initialize", params).await;
    assert_eq!(status, StatusCode::OK);
    session.expect("a session")
}

async fn is_known(service: &HttpService, session: &str) -> bool {
    let params = json!({ "name": "hello", "arguments": {} });
    let (status, _) = post(service, Some(session), "tools/call", params).await;
    match status {
        StatusCode::OK => true,
        StatusCode::NOT_FOUND => false,
        other => panic!("{other}"),
    }
}

/// The text of the error with which a server does not start.
async fn start_error(server: Server, store: impl Store) -> String {
    let Err(ServeError::Start(error)) = server.cluster(store).start().await else {
        panic!("the server starts");
    };
    error.to_string()
}

#[tokio::test]
async fn a_session_is_known_to_all_replicas_and_to_no_other_server() {
    let store = Shared::default();
    let one = replica(server(), &store).await;
    let id = session(&one).await;
    for _ in 0..2 {
        assert!(is_known(&replica(server(), &store).await, &id).await);
    }
    let other = replica(server(), &Shared::default()).await;
    assert!(!is_known(&other, &id).await);
}

#[tokio::test]
async fn a_rotation_ends_no_session() {
    let store = Shared::default();
    let (one, two) = (server(), server());
    let handle = one.handle();
    let one = replica(one, &store).await;
    let other = replica(two, &store).await;
    let before = store.get("keys").await.unwrap().expect("keys");
    let ids = [session(&one).await, session(&other).await];
    handle.rotate_session_keys().await.unwrap();
    let after = store.get("keys").await.unwrap().expect("keys");
    assert!(after.len() > before.len());
    let newer = replica(server(), &store).await;
    for id in ids.into_iter().chain([session(&one).await]) {
        for service in [&one, &other, &newer] {
            assert!(is_known(service, &id).await);
        }
    }
}

#[tokio::test]
async fn only_replicas_have_keys_to_rotate() {
    let single = server().session_keys([[1; 32]]);
    let handle = single.handle();
    let error = handle.rotate_session_keys().await.unwrap_err();
    assert!(error.to_string().contains("not running"), "{error}");
    let _running = single.start().await.unwrap();
    let error = handle.rotate_session_keys().await.unwrap_err();
    assert!(error.to_string().contains("Server::cluster"), "{error}");
}

#[tokio::test]
async fn sessions_of_configured_keys_go_on_in_a_cluster() {
    let single = server().session_keys([[1; 32]]).into_service().await;
    let id = session(&single.unwrap()).await;
    let store = Shared::default();
    let one = replica(server().session_keys([[1; 32]]), &store).await;
    assert!(is_known(&one, &id).await);
    // The keys of the replicas are others, which the store does not know.
    let single = server().session_keys([[1; 32]]).into_service().await;
    assert!(!is_known(&single.unwrap(), &session(&one).await).await);
    let entry = store.get("keys").await.unwrap().expect("keys");
    assert!(!entry.contains(&b','));
}

#[tokio::test]
async fn a_replica_that_cannot_read_the_keys_does_not_start() {
    let away = Faulty::from(Away::default());
    away.fault.set(true);
    let error = start_error(server(), away).await;
    assert!(
        error.contains("the store of the replicas cannot be used: the store is away"),
        "{error}"
    );
    let store = Shared::default();
    replica(server().session_keys([[1; 32]]), &store).await;
    for other in [server(), server().session_keys([[2; 32]])] {
        let error = start_error(other, Arc::clone(&store)).await;
        assert!(
            error.contains("`keys`") && error.contains("session_keys"),
            "{error}"
        );
    }
}
