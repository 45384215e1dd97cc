//! Components that take an authenticated caller, called by nobody: the error is about the caller and not about the arguments.

use mcp_runtime::prelude::*;
use mcp_runtime::{Call, Extraction, Param, Principal, ResourceLink};
use serde_json::{Value, json};

use crate::wires::{ALL, ERAS, Host, Over, Who, principal};

/// Return the caller.
#[tool]
async fn whoami(caller: Principal, _text: String) -> String {
    caller.id().to_owned()
}

/// Return the caller, from a thread.
#[tool]
fn whoami_blocking(caller: Principal, _text: String) -> String {
    caller.id().to_owned()
}

fn words(caller: Principal) -> Vec<String> {
    vec![caller.id().to_owned()]
}

async fn links(caller: Principal) -> Vec<ResourceLink> {
    vec![ResourceLink::new("desk://1", caller.id())]
}

/// The desk of the caller.
#[resource("desk://{number}", list = links)]
async fn desk(caller: Principal, #[arg(complete = words)] number: u8) -> String {
    format!("{} {number}", caller.id())
}

/// Greet the caller.
#[prompt]
async fn greet(caller: Principal, #[arg(complete = words)] word: String) -> String {
    format!("{word} {}", caller.id())
}

/// A value that no request has.
struct Never;

impl<'c> Param<'c> for Never {
    fn extract(_: &'c Call, _: usize) -> Extraction<'c, Self> {
        Extraction::ready(Err("the database is away".into()))
    }
}

/// Needs what no request has.
#[tool]
async fn never(_never: Never, _text: String) {}

fn server() -> Server {
    Server::new("x", "1").with(components![whoami, whoami_blocking, desk, greet, never])
}

/// Every kind of request that runs a function with the parameter. Some have mistakes in their arguments too.
fn requests() -> Vec<(&'static str, Value)> {
    let complete = |reference: Value, name: &str| json!({ "ref": reference, "argument": { "name": name, "value": "" } });
    let prompt = json!({ "type": "ref/prompt", "name": "greet" });
    let template = json!({ "type": "ref/resource", "uri": "desk://{number}" });
    vec![
        (
            "tools/call",
            json!({ "name": "whoami", "arguments": { "_text": "x" } }),
        ),
        (
            "tools/call",
            json!({ "name": "whoami", "arguments": { "_text": 7, "more": 1 } }),
        ),
        (
            "tools/call",
            json!({ "name": "whoami_blocking", "arguments": { "_text": "x" } }),
        ),
        ("resources/read", json!({ "uri": "desk://1" })),
        ("resources/read", json!({ "uri": "desk://many" })),
        (
            "prompts/get",
            json!({ "name": "greet", "arguments": { "word": "x" } }),
        ),
        ("prompts/get", json!({ "name": "greet", "arguments": {} })),
        ("resources/list", json!({})),
        ("completion/complete", complete(prompt, "word")),
        ("completion/complete", complete(template, "number")),
    ]
}

#[tokio::test]
async fn a_missing_caller_is_no_mistake_in_the_arguments() {
    for over in ALL {
        let host = Host::of(server(), over).await;
        for revision in ERAS {
            let caller = host.caller(revision, Who::default()).await;
            for (method, params) in requests() {
                let refused = caller.request(method, params.clone()).await;
                let (code, message) = refused.expect_err(method);
                let place = format!("{over:?} {revision:?} {method} {params}: {message}");
                assert_eq!(code, -32600, "{place}");
                assert!(
                    message.starts_with("This needs an authenticated caller"),
                    "{place}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_caller_is_served_and_told_of_its_mistakes() {
    let host = Host::of(server(), Over::Http).await;
    for revision in ERAS {
        let caller = host.caller(revision, principal("ada")).await;
        for (number, (method, params)) in requests().into_iter().enumerate() {
            let result = caller.request(method, params.clone()).await;
            let has_mistake = [1, 4, 6].contains(&number);
            let is_error = result.as_ref().map_or(true, |it| it["isError"] == true);
            assert_eq!(is_error, has_mistake, "{method} {params}: {result:?}");
        }
    }
}

#[tokio::test]
async fn a_missing_value_of_the_server_is_no_mistake_in_the_arguments() {
    for over in ALL {
        let host = Host::of(server(), over).await;
        for revision in ERAS {
            let caller = host.caller(revision, Who::default()).await;
            let params = json!({ "name": "never", "arguments": { "_text": "x" } });
            let result = caller.request("tools/call", params).await.unwrap();
            assert_eq!(result["isError"], true);
            let expected = "Invalid request:\n- the database is away";
            assert_eq!(
                result["content"][0]["text"], expected,
                "{over:?} {revision:?}"
            );
        }
    }
}
