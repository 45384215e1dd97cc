//! What callers of one gateway cannot learn of each other, and what upstream servers cannot learn of them.

use std::sync::Arc;

use axum::http::HeaderMap;
use mcp_runtime::{Principal, Secret, Server, ToolError};
use serde_json::json;

use super::extras;
use super::peer::{Peer, says, until};
use super::places::{ALL, ERAS, HttpServer, gateway, process, upstream};
use super::wires::{Host, Over as Wire, Who, principal};

fn values(requests: &[HeaderMap], name: &str) -> Vec<String> {
    let values = requests.iter().filter_map(|headers| headers.get(name));
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

/// A caller whose requests have credentials in several headers.
fn with_credentials(name: &'static str) -> Who {
    Who {
        principal: Some(name),
        headers: vec![
            ("Authorization", "Bearer secret-of-the-caller"),
            ("Cookie", "session=secret-of-the-caller"),
            ("X-Api-Key", "secret-of-the-caller"),
            ("Proxy-Authorization", "Basic secret-of-the-caller"),
        ],
        ..Who::default()
    }
}

#[tokio::test]
async fn credentials_of_callers_never_reach_an_upstream_server() {
    for of_upstream in ERAS {
        for of_client in ERAS {
            for per_caller in [false, true] {
                let server = HttpServer::start(extras::server()).await;
                let upstream = server.upstream().revision(of_upstream);
                let upstream = if per_caller {
                    upstream.per_caller()
                } else {
                    upstream
                };
                let gateway = Server::new("gateway", "1.0.0").mount("up", upstream);
                let gateway = Host::of(gateway, Wire::Http).await;
                let caller = gateway.caller(of_client, with_credentials("ada")).await;
                caller
                    .call("up_echo_owned", json!({ "text": "x" }))
                    .await
                    .unwrap();
                let resource = json!({ "uri": "text://up/readme" });
                caller.request("resources/read", resource).await.unwrap();
                let prompt = json!({ "name": "up_talk", "arguments": {} });
                caller.request("prompts/get", prompt).await.unwrap();
                let requests = server.requests.lock().unwrap().clone();
                assert!(requests.len() > 6, "the requests are recorded");
                let all = format!("{requests:?}");
                assert!(!all.contains("secret-of-the-caller"), "{all}");
            }
        }
    }
}

#[tokio::test]
async fn headers_and_tokens_are_those_of_the_operator() {
    for revision in ERAS {
        let server = HttpServer::start(extras::server()).await;
        let upstream = server.upstream().revision(revision);
        let upstream = upstream
            .bearer("of-the-operator")
            .header("X-Tenant", "seven".to_owned());
        let gateway = gateway(upstream).await;
        let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
        peer.call("up_echo_owned", json!({ "text": "x" }))
            .await
            .unwrap();
        let requests = server.requests.lock().unwrap().clone();
        for (name, value) in [
            ("authorization", "Bearer of-the-operator"),
            ("x-tenant", "seven"),
        ] {
            let sent = values(&requests, name);
            assert_eq!(sent.len(), requests.len(), "{revision:?}: {name}");
            assert!(
                sent.iter().all(|one| one == value),
                "{revision:?}: {sent:?}"
            );
        }
    }
}

/// Also notifications, replies to questions, and the requests of the gateway itself.
#[tokio::test]
async fn each_message_has_the_credentials() {
    async fn token(_: Option<Principal>) -> Result<Option<Secret<String>>, ToolError> {
        Ok(Some(Secret::new("Bearer of-the-operator".to_owned())))
    }
    for revision in ERAS {
        let server = HttpServer::start(extras::server()).await;
        let upstream = server.upstream().revision(revision).credentials(token);
        let gateway = gateway(upstream).await;
        let peer = Peer::connect(&gateway, ERAS[0], says("Ada")).await;
        let counted = async |expected: &str| {
            peer.call("up_counted", json!({})).await.as_deref() == Ok(expected)
        };
        let wait = json!({ "name": "up_wait_counted", "arguments": { "milliseconds": 60_000 } });
        let waiting = peer.start("tools/call", wait);
        until("it runs", async || counted("1 0").await).await;
        peer.cancel(&waiting);
        until("it is cancelled", async || counted("1 1").await).await;
        let said = peer.call("up_ask_name", json!({})).await;
        assert_eq!(said.as_deref(), Ok("hello Ada"));
        let uri = json!({ "uri": "text://up/readme" });
        peer.request("resources/subscribe", uri).await.unwrap();
        let announce = json!({ "what": "text://readme" });
        let is_heard = async || {
            peer.call("up_announce", announce.clone()).await.unwrap();
            !peer.heard("notifications/resources/updated").is_empty()
        };
        until("it is subscribed", is_heard).await;
        let requests = server.requests.lock().unwrap().clone();
        let tokens = values(&requests, "authorization");
        assert_eq!(tokens.len(), requests.len(), "{revision:?}: {requests:?}");
        assert!(tokens.iter().all(|it| it == "Bearer of-the-operator"));
    }
}

#[tokio::test]
async fn each_caller_has_a_session_and_credentials_of_its_own() {
    async fn token(principal: Option<Principal>) -> Result<Option<Secret<String>>, ToolError> {
        let token = |it: Principal| match it.id() {
            "eve" => Err(ToolError::new("the vault has no token of eve")),
            id => Ok(Secret::new(format!("Bearer token-of-{id}"))),
        };
        principal.map(token).transpose()
    }
    for revision in ERAS {
        let server = HttpServer::start(extras::server()).await;
        let upstream = server
            .upstream()
            .revision(revision)
            .per_caller()
            .credentials(token);
        let gateway = Server::new("gateway", "1.0.0").mount("up", upstream);
        let gateway = Host::of(gateway, Wire::Http).await;
        server.requests.lock().unwrap().clear();
        let mut sessions = Vec::new();
        for name in ["ada", "bob"] {
            let caller = gateway.caller(ERAS[1], principal(name)).await;
            for _ in 0..2 {
                caller
                    .call("up_echo_owned", json!({ "text": "x" }))
                    .await
                    .unwrap();
            }
            let requests = std::mem::take(&mut *server.requests.lock().unwrap());
            let mut tokens = values(&requests, "authorization");
            tokens.dedup();
            assert_eq!(tokens, [format!("Bearer token-of-{name}")], "{revision:?}");
            let mut of_caller = values(&requests, "mcp-session-id");
            of_caller.dedup();
            sessions.extend(of_caller);
        }
        assert_eq!(
            sessions.len(),
            if revision == ERAS[0] { 2 } else { 0 },
            "{revision:?}: {sessions:?}"
        );
        let eve = gateway.caller(ERAS[1], principal("eve")).await;
        let error = eve
            .call("up_echo_owned", json!({ "text": "x" }))
            .await
            .unwrap_err();
        assert!(
            error.contains("credentials") && !error.contains("vault"),
            "{revision:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_question_is_never_asked_to_another_caller() {
    for over in ALL {
        for of_upstream in ERAS {
            for of_client in ERAS {
                let case = format!("{over:?}, {of_upstream:?}, {of_client:?}");
                let upstream = upstream(over, of_upstream).await.per_caller();
                let gateway = gateway(upstream).await;
                let ada = Arc::new(Peer::connect(&gateway, of_client, says("Ada")).await);
                let bob = Arc::new(Peer::connect(&gateway, of_client, says("Bob")).await);
                let mut calls = tokio::task::JoinSet::new();
                for number in 0..10 {
                    for (peer, name) in [(Arc::clone(&ada), "Ada"), (Arc::clone(&bob), "Bob")] {
                        let question = format!("question {number} to {name}");
                        calls.spawn(async move {
                            let said = peer
                                .call("up_ask_name", json!({ "question": question }))
                                .await;
                            assert_eq!(said, Ok(format!("hello {name}")));
                        });
                    }
                }
                while let Some(call) = calls.join_next().await {
                    assert!(call.is_ok(), "{case}");
                }
                for (peer, name) in [(&ada, "Ada"), (&bob, "Bob")] {
                    let heard = peer.heard("elicitation/create");
                    assert_eq!(heard.len(), 10, "{case}: {name}");
                    let of_others = heard.iter().find(|it| {
                        let message = it["params"]["message"].as_str().unwrap();
                        !message.ends_with(&format!("to {name}"))
                    });
                    assert_eq!(of_others, None, "{case}: {name}");
                }
            }
        }
    }
}

/// Over stdio, a question of a server with a session does not say to which call it belongs.
#[tokio::test]
async fn a_question_that_could_be_for_several_callers_is_refused() {
    for of_client in ERAS {
        let upstream = process().revision(ERAS[0]);
        let gateway = gateway(upstream).await;
        let ada = Peer::connect(&gateway, of_client, says("Ada")).await;
        let bob = Peer::connect(&gateway, of_client, says("Bob")).await;
        let wait = json!({ "name": "up_wait_counted", "arguments": { "milliseconds": 60_000 } });
        let waiting = bob.start("tools/call", wait);
        until("it waits", async || {
            ada.call("up_counted", json!({})).await.unwrap() == "1 0"
        })
        .await;
        let error = ada.call("up_ask_name", json!({})).await.unwrap_err();
        assert!(
            error.contains("several calls of different clients"),
            "{error}"
        );
        assert!(
            ada.heard("elicitation/create").is_empty()
                && bob.heard("elicitation/create").is_empty()
        );
        bob.cancel(&waiting);
        until("it ends", async || {
            ada.call("up_counted", json!({})).await.unwrap() == "2 2"
        })
        .await;
        assert_eq!(
            ada.call("up_ask_name", json!({})).await.as_deref(),
            Ok("hello Ada")
        );
    }
}

#[tokio::test]
async fn arguments_for_headers_are_sent_to_a_modern_server() {
    for (revision, expected) in [(ERAS[0], None), (ERAS[1], Some("north"))] {
        let server = HttpServer::start(extras::server()).await;
        let gateway = gateway(server.upstream().revision(revision)).await;
        let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
        let said = peer
            .call("up_routed", json!({ "region": "north", "dry": true }))
            .await;
        assert_eq!(said.as_deref(), Ok("north None Some(true) None None"));
        let requests = server.requests.lock().unwrap().clone();
        let region = values(&requests, "mcp-param-region");
        assert_eq!(region.first().map(String::as_str), expected, "{revision:?}");
        let dry = values(&requests, "mcp-param-dry-run");
        assert_eq!(
            dry.first().map(String::as_str),
            expected.map(|_| "true"),
            "{revision:?}"
        );
    }
}
