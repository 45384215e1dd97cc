//! What requests ask for: arguments, lists, completions, subscriptions and the data of sessions.

use mcp_runtime::Server;
use serde_json::{Value, json};

use super::local::{Streams, call, post, reply, server, service, session, with_tools};
use super::page::{Row, row};
use super::process::{LEGACY, MODERN, message};

const ERAS: [&str; 2] = [MODERN, LEGACY];

/// The steps for a number in quotes in a list.
const STEPS_OF_NUMBER: usize = 4;

/// Sends a request over byte streams and over HTTP, and returns both replies with the status of the second.
async fn both(server: impl Fn() -> Server, revision: &str, request: &Value) -> ([Value; 2], u16) {
    let mut streams = Streams::start(server(), revision).await;
    let over_streams = streams.ask(request).await;
    let service = service(server()).await;
    let session = match revision {
        MODERN => None,
        _ => Some(session(&service, "127.0.0.1", revision).await),
    };
    let response = post(&service, "127.0.0.1", revision, session.as_deref(), request).await;
    let status = response.status().as_u16();
    ([over_streams, reply(response).await], status)
}

#[tokio::test]
async fn page() {
    let row = row("page").for_all();
    row.says("`nextCursor`");
    for revision in ERAS {
        // The tools of this server, and others up to the limit and one beyond it.
        let own = server().client().await.tools().await.unwrap().len();
        for beyond in [0, 1] {
            let more = row.number() - own + beyond;
            let list = message(revision, "tools/list", json!({}));
            let (replies, _) = both(|| with_tools(more), revision, &list).await;
            for reply in replies {
                let result = &reply["result"];
                assert_eq!(result["tools"].as_array().unwrap().len(), row.number());
                assert_eq!(result["nextCursor"].is_string(), beyond == 1);
            }
        }
    }
}

#[tokio::test]
async fn completions() {
    let row = row("completions").for_all();
    row.says("`hasMore: true`");
    for revision in ERAS {
        let params = json!({
            "ref": { "type": "ref/resource", "uri": "note://{name}" },
            "argument": { "name": "name", "value": "" },
        });
        let complete = message(revision, "completion/complete", params);
        for reply in both(server, revision, &complete).await.0 {
            let completion = &reply["result"]["completion"];
            let values = completion["values"].as_array().expect("values");
            assert_eq!(values.len(), row.number());
            assert_eq!(completion["hasMore"], true);
        }
    }
}

#[tokio::test]
async fn mistakes() {
    let row = row("mistakes").for_all();
    row.says("counted");
    for revision in ERAS {
        let wrong = vec!["x"; row.number() + 5];
        let request = call(revision, 2, "sum", &json!({ "numbers": wrong }));
        for reply in both(server, revision, &request).await.0 {
            let text = reply["result"]["content"][0]["text"].as_str().unwrap();
            let listed = text.matches("\n- `numbers[").count();
            assert_eq!(listed, row.number(), "{text}");
            assert!(text.contains('5'), "{text}");
        }
    }
}

#[tokio::test]
async fn steps() {
    let row = row("steps").for_all();
    row.says("tool error");
    for revision in ERAS {
        // Numbers in quotes are parsed into a tree, checked and repaired.
        for (steps, is_refused) in [(row.number() - 50, false), (row.number() + 50, true)] {
            let numbers = vec!["1"; steps / STEPS_OF_NUMBER];
            let request = call(revision, 2, "sum", &json!({ "numbers": numbers }));
            for reply in both(server, revision, &request).await.0 {
                let text = reply["result"]["content"][0]["text"].as_str().unwrap();
                assert_eq!(reply["result"]["isError"] == true, is_refused, "{text}");
                assert_eq!(text.contains("too intricate"), is_refused, "{text}");
            }
        }
    }
}

#[tokio::test]
async fn session_data() {
    let (values, bytes) = (row("session-values"), row("session-bytes"));
    values.says("an error of the handler");
    bytes.says("an error of the handler");
    let fit = bytes.number() - "\"000\"\"\"".len();
    for revision in ERAS {
        for (count, length, fails) in [
            (values.number(), 1, false),
            (values.number() + 1, 1, true),
            (1, fit - 16, false),
            (1, fit + 16, true),
        ] {
            let mut streams = Streams::start(server(), revision).await;
            let arguments = json!({ "values": count, "bytes": length });
            let reply = streams.ask(&call(revision, 2, "keep", &arguments)).await;
            let result = &reply["result"];
            assert_eq!(
                result["isError"] == true,
                fails,
                "{count} {length}: {reply}"
            );
        }
    }
}

/// Fails unless a subscription at the limit is accepted, and one beyond it is refused with this code.
async fn check(row: &Row, revision: &str, request: impl Fn(usize) -> Value, code: i64) {
    row.says_refusal(Some(code), None);
    for (bytes, is_served) in [(row.number(), true), (row.number() + 1, false)] {
        let request = request(bytes);
        let mut streams = Streams::start(server(), revision).await;
        streams.send(&request).await;
        let first = streams.receive().await;
        assert_eq!(first["error"].is_null(), is_served, "{first}");
        let service = service(server()).await;
        let session = match revision {
            MODERN => None,
            _ => Some(session(&service, "127.0.0.1", revision).await),
        };
        let response = post(
            &service,
            "127.0.0.1",
            revision,
            session.as_deref(),
            &request,
        )
        .await;
        if !is_served {
            assert_eq!(first["error"]["code"], code);
            assert_eq!(reply(response).await["error"]["code"], code);
        }
    }
}

fn listen(uris: &[String]) -> Value {
    let params = json!({ "notifications": { "resourceSubscriptions": uris } });
    message(MODERN, "subscriptions/listen", params)
}

/// Returns a URI of this many bytes.
fn uri(bytes: usize) -> String {
    format!("note://{}", "n".repeat(bytes - "note://".len()))
}

#[tokio::test]
async fn subscriptions() {
    let row_of_uri = row("subscribed-uri").for_all();
    check(&row_of_uri, MODERN, |bytes| listen(&[uri(bytes)]), -32602).await;
    let subscribe = |bytes| message(LEGACY, "resources/subscribe", json!({ "uri": uri(bytes) }));
    check(&row_of_uri, LEGACY, subscribe, -32602).await;

    let numbered =
        |count: usize| -> Vec<String> { (0..count).map(|it| format!("note://{it}")).collect() };
    check(
        &row("listened-uris"),
        MODERN,
        |count| listen(&numbered(count)),
        -32602,
    )
    .await;

    let of_json = |bytes: usize| {
        let uris = vec![uri(2000); bytes / 2100];
        let length = json!(uris).to_string().len();
        // The last URI fills the rest: a comma and two quotation marks.
        let rest = bytes - length - 3;
        let parts = rest.div_ceil(2000);
        let mut uris = uris;
        let inner = rest - 3 * (parts - 1);
        uris.extend((0..parts).map(|part| uri(inner / parts + usize::from(part < inner % parts))));
        assert_eq!(json!(uris).to_string().len(), bytes);
        listen(&uris)
    };
    check(&row("listened-bytes"), MODERN, of_json, -32602).await;
}

#[tokio::test]
async fn session_subscriptions() {
    let row = row("session-subscriptions");
    row.says("-32602");
    let mut streams = Streams::start(server(), LEGACY).await;
    let service = service(server()).await;
    let session = session(&service, "127.0.0.1", LEGACY).await;
    for number in 0..=row.number() {
        let params = json!({ "uri": format!("note://{number}") });
        let request = message(LEGACY, "resources/subscribe", params);
        let over_streams = streams.ask(&request).await;
        let response = post(&service, "127.0.0.1", LEGACY, Some(&session), &request).await;
        let status = response.status();
        let over_http = reply(response).await;
        if number < row.number() {
            assert!(over_streams["result"].is_object() && over_http["result"].is_object());
        } else {
            assert_eq!(over_streams["error"]["code"], -32602, "{over_streams}");
            assert_eq!(over_http["error"]["code"], -32602, "{over_http}");
            assert_eq!(status, 200);
        }
    }
}

#[tokio::test]
async fn an_answer_with_a_repeated_member_is_no_answer() {
    let accepted = json!({ "action": "accept", "content": { "number": 7 } });
    for (members, is_accepted) in [
        (format!(r#""result":{accepted}"#), true),
        (format!(r#""result":{accepted},"result":{accepted}"#), false),
        (format!(r#""result":{accepted},"jsonrpc":"2.0""#), false),
    ] {
        let mut streams = Streams::start(server(), LEGACY).await;
        streams.send(&call(LEGACY, 2, "ask", &json!({}))).await;
        let question = streams.receive().await;
        let id = &question["id"];
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},{members}}}"#);
        streams.send_text(&answer).await;
        let reply = streams.receive().await;
        assert_eq!(
            reply["result"]["isError"].is_null(),
            is_accepted,
            "{answer}: {reply}"
        );
    }
}
