//! Rate limits and shares: what one caller can take from the others.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use mcp_runtime::{
    Client, HttpBody, HttpService, Limits, PeerAddress, Principal, RateLimit, Revision, ServeError,
    Server, prelude::*,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower_service::Service as _;

/// Say hello.
#[tool]
async fn hello() -> &'static str {
    "Hello!"
}

/// Wait for a long time.
#[tool]
async fn wait() {
    std::future::pending::<()>().await;
}

/// Send an e-mail.
#[tool(layer = RateLimit::per_minute(2))]
async fn send() -> &'static str {
    "Sent"
}

fn server() -> Server {
    Server::new("app", "1.0.0").with(components![hello, wait, send])
}

/// A caller over HTTP, as the endpoint sees it.
#[derive(Clone, Copy, Default)]
struct Caller {
    peer: &'static str,
    forwarded: Option<&'static str>,
    principal: Option<&'static str>,
}

fn at(peer: &'static str) -> Caller {
    Caller {
        peer,
        ..Caller::default()
    }
}

fn behind_proxy(forwarded: &'static str) -> Caller {
    Caller {
        forwarded: Some(forwarded),
        ..at("127.0.0.1")
    }
}

async fn send_request(
    service: &HttpService,
    caller: Caller,
    method: Method,
    headers: &[(&str, &str)],
    body: String,
) -> Response<HttpBody> {
    let peer = SocketAddr::new(caller.peer.parse().unwrap(), 4711);
    let mut request = Request::builder()
        .method(method)
        .uri("http://localhost/")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .extension(PeerAddress(peer));
    if let Some(forwarded) = caller.forwarded {
        request = request.header("X-Forwarded-For", forwarded);
    }
    if let Some(principal) = caller.principal {
        request = request.extension(Principal::new(principal));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).unwrap();
    service.clone().call(request).await.unwrap()
}

/// Sends a request of the modern era.
async fn modern(
    service: &HttpService,
    caller: Caller,
    method: &str,
    mut params: Value,
) -> Response<HttpBody> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": Revision::LATEST.name(),
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().map(str::to_owned);
    let mut headers = vec![
        ("MCP-Protocol-Version", Revision::LATEST.name()),
        ("Mcp-Method", method),
    ];
    headers.extend(name.as_deref().map(|name| ("Mcp-Name", name)));
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    send_request(service, caller, Method::POST, &headers, body.to_string()).await
}

async fn call(service: &HttpService, caller: Caller, tool: &str) -> Response<HttpBody> {
    let params = json!({ "name": tool, "arguments": {} });
    modern(service, caller, "tools/call", params).await
}

/// Begins a session and returns its id.
async fn session(service: &HttpService, caller: Caller) -> String {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let response = send_request(service, caller, Method::POST, &[], body.to_string()).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

/// Calls a tool in a session.
async fn call_in(service: &HttpService, caller: Caller, session: &str) -> Response<HttpBody> {
    let params = json!({ "name": "hello", "arguments": {} });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let headers = [("Mcp-Session-Id", session)];
    send_request(service, caller, Method::POST, &headers, body.to_string()).await
}

async fn body(response: Response<HttpBody>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

/// Returns the number of calls that are answered, out of this many.
async fn answered(service: &HttpService, caller: Caller, calls: usize) -> usize {
    let mut answered = 0;
    for _ in 0..calls {
        let status = call(service, caller, "hello").await.status();
        assert!(matches!(status.as_u16(), 200 | 429), "{status}");
        answered += usize::from(status == StatusCode::OK);
    }
    answered
}

#[tokio::test(start_paused = true)]
async fn remote_callers_have_a_default_limit_each_and_local_ones_have_none() {
    let service = server().into_service().await.unwrap();
    let alice = Caller {
        principal: Some("alice"),
        ..at("192.0.2.1")
    };
    let bob = Caller {
        principal: Some("bob"),
        ..at("192.0.2.1")
    };
    let remote = [
        at("192.0.2.1"),
        at("192.0.2.2"),
        alice,
        bob,
        behind_proxy("192.0.2.3"),
        behind_proxy("203.0.113.9, 192.0.2.4"),
    ];
    for caller in remote {
        assert_eq!(answered(&service, caller, 1100).await, 1000);
    }
    // One machine has all addresses of its IPv6 network.
    assert_eq!(answered(&service, at("2001:db8::1"), 900).await, 900);
    assert_eq!(answered(&service, at("2001:db8::2"), 900).await, 100);
    for caller in [at("127.0.0.1"), at("::1"), behind_proxy("127.0.0.1")] {
        assert_eq!(answered(&service, caller, 1100).await, 1100);
    }
    // A peer that is not a trusted proxy cannot choose who it is.
    let forged = Caller {
        forwarded: Some("198.51.100.1"),
        ..at("192.0.2.2")
    };
    assert_eq!(answered(&service, forged, 10).await, 0);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(answered(&service, at("192.0.2.1"), 300).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_when_to_come_back() {
    let limited = || server().rate_limit(RateLimit::per_minute(2));
    let service = limited().into_service().await.unwrap();
    let caller = at("127.0.0.1");
    let session = session(&service, caller).await;
    for era in ["modern", "legacy"] {
        let mut last = None;
        for _ in 0..3 {
            last = Some(match era {
                "modern" => call(&service, caller, "hello").await,
                _ => call_in(&service, caller, &session).await,
            });
        }
        let refused = last.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "{era}");
        assert_eq!(refused.headers()["retry-after"], "30", "{era}");
        let error = &body(refused).await["error"];
        assert_eq!(
            (&error["code"], &error["data"]["retryAfter"]),
            (&json!(-32603), &json!(30))
        );
        assert_eq!(
            error["message"],
            "Too many requests: try again in 30 seconds"
        );
    }
    // Other transports have the limit too, if the application sets one.
    let client: Client = limited().client().await;
    for expected in [true, true, false] {
        assert_eq!(client.call("hello", json!({})).await.is_ok(), expected);
    }
    tokio::time::advance(Duration::from_secs(30)).await;
    assert!(client.call("hello", json!({})).await.is_ok());
    let client = limited().rate_limit(RateLimit::unlimited()).client().await;
    for _ in 0..100 {
        client.call("hello", json!({})).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_component_can_have_a_limit_of_its_own() {
    let service = server().into_service().await.unwrap();
    let alice = Caller {
        principal: Some("alice"),
        ..at("192.0.2.1")
    };
    for caller in [at("192.0.2.1"), at("192.0.2.2"), alice] {
        for expected in [
            "Sent",
            "Sent",
            "Too many calls of `send`: try again in 30 s",
        ] {
            let reply = body(call(&service, caller, "send").await).await;
            assert_eq!(reply["result"]["content"][0]["text"], expected);
        }
        assert_eq!(answered(&service, caller, 1).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_has_a_quarter_of_the_requests_in_flight() {
    let mut limits = Limits::default();
    limits.requests = 16;
    let service = server().limits(limits).into_service().await.unwrap();
    let (one, other) = (behind_proxy("192.0.2.1"), behind_proxy("192.0.2.2"));
    let mut calls = JoinSet::new();
    let begin = |calls: &mut JoinSet<StatusCode>, caller| {
        let service = service.clone();
        calls.spawn(async move { call(&service, caller, "wait").await.status() });
    };
    for _ in 0..10 {
        begin(&mut calls, one);
    }
    for _ in 0..6 {
        let refused = calls.join_next().await.unwrap().unwrap();
        assert_eq!(refused, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(
        call(&service, one, "hello").await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        call(&service, other, "hello").await.status(),
        StatusCode::OK
    );
    // A session is of the caller that uses it.
    let session = session(&service, other).await;
    assert_eq!(
        call_in(&service, one, &session).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        call_in(&service, other, &session).await.status(),
        StatusCode::OK
    );
    calls.shutdown().await;
    assert_eq!(call(&service, one, "hello").await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_caller_has_32_subscriptions_and_its_sessions_a_quarter_of_all() {
    let mut limits = Limits::default();
    limits.listeners = 160;
    let service = server().limits(limits).into_service().await.unwrap();
    let (one, other) = (behind_proxy("192.0.2.1"), behind_proxy("192.0.2.2"));
    let listen = async |caller| {
        let params = json!({ "notifications": { "toolsListChanged": true } });
        modern(&service, caller, "subscriptions/listen", params).await
    };
    let mut open = Vec::new();
    for _ in 0..32 {
        let response = listen(one).await;
        assert_eq!(response.status(), StatusCode::OK);
        open.push(response);
    }
    assert_eq!(listen(one).await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(listen(other).await.status(), StatusCode::OK);
    for expected in [200, 200, 200, 200, 200, 200, 200, 200, 429] {
        let session = session(&service, one).await;
        let headers = [("Mcp-Session-Id", &*session)];
        let stream = send_request(&service, one, Method::GET, &headers, String::new()).await;
        assert_eq!(stream.status().as_u16(), expected, "40 of 160");
        open.push(stream);
    }
    assert_eq!(listen(other).await.status(), StatusCode::OK);
    open.clear();
    assert_eq!(listen(one).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn the_ended_sessions_of_one_caller_leave_space_for_those_of_others() {
    let service = server()
        .rate_limit(RateLimit::unlimited())
        .into_service()
        .await
        .unwrap();
    let end = async |caller| {
        let session = session(&service, caller).await;
        let headers = [("Mcp-Session-Id", &*session)];
        let ended = send_request(&service, caller, Method::DELETE, &headers, String::new()).await;
        ended.status()
    };
    let mut statuses = Vec::new();
    for _ in 0..1260 {
        statuses.push(end(behind_proxy("192.0.2.1")).await);
    }
    let ended = statuses
        .iter()
        .filter(|status| **status == StatusCode::NO_CONTENT);
    assert_eq!(ended.count(), 1250);
    assert_eq!(statuses.last(), Some(&StatusCode::METHOD_NOT_ALLOWED));
    assert_eq!(end(behind_proxy("192.0.2.2")).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_proxy_that_is_not_a_network_is_a_problem_of_the_server() {
    for network in ["example.com", "10.0.0.0/33"] {
        let error = server()
            .trust_proxy(network)
            .into_service()
            .await
            .unwrap_err();
        assert!(error.to_string().contains(network), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trusted_proxy_elsewhere_forwards_the_address_of_its_client() {
    let limit = RateLimit::per_minute(1);
    let service = server().rate_limit(limit).trust_proxy("10.0.0.0/8");
    let service = service.into_service().await.unwrap();
    for (peer, forwarded, expected) in [
        ("10.1.2.3", "192.0.2.1", 1),
        ("10.1.2.3", "192.0.2.2", 1),
        ("10.1.2.4", "192.0.2.1", 0),
        ("172.16.0.1", "192.0.2.3", 1),
        ("172.16.0.1", "192.0.2.4", 0),
    ] {
        let caller = Caller {
            forwarded: Some(forwarded),
            ..at(peer)
        };
        assert_eq!(
            answered(&service, caller, 1).await,
            expected,
            "{peer} {forwarded}"
        );
    }
}

#[tokio::test]
async fn an_address_that_others_can_reach_needs_authorization_or_a_word_of_the_operator() {
    let serve = async |server: Server, address: &str| {
        server.serve_http_with_shutdown(address, async {}).await
    };
    let refused = serve(server(), "0.0.0.0:0").await.unwrap_err();
    assert!(matches!(refused, ServeError::Exposed(_)), "{refused}");
    assert!(refused.to_string().contains("`--insecure`"), "{refused}");
    serve(server().insecure(), "0.0.0.0:0").await.unwrap();
    for local in ["127.0.0.1:0", "127.0.0.2:0", "localhost:0"] {
        serve(server(), local).await.unwrap();
    }
}
