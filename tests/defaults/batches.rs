//! Batches of revision 2025-03-26, and the size of replies.

use serde_json::{Value, json};

use super::local::{Streams, body, call, post, reply, server, service};
use super::page::row;
use super::process::{Client, LEGACY, MODERN};

const BATCHES: &str = "2025-03-26";

#[test]
fn batch() {
    let row = row("batch");
    row.says_refusal(Some(-32600), Some(400));
    for mut client in [Client::stdio(BATCHES), Client::http(BATCHES)] {
        let batch = |calls: usize, client: &Client| {
            let all: Vec<Value> = (0..calls)
                .map(|id| {
                    let mut call = client.call();
                    call["id"] = id.into();
                    call
                })
                .collect();
            Value::from(all).to_string()
        };
        let at = client.send(&batch(row.number(), &client));
        let replies = at.message.as_array().expect("an array");
        assert_eq!(replies.len(), row.number());
        assert!(replies.iter().all(|reply| reply["result"].is_object()));
        let beyond = client.send(&batch(row.number() + 1, &client));
        assert_eq!(beyond.code(), Some(-32600), "{beyond:?}");
        if !client.is_stdio() {
            assert_eq!(beyond.status, Some(400));
        }
        // A message in a batch is checked as it is outside of one.
        let call = client.call().to_string();
        let twice = call.replacen("\"id\":1", "\"id\":1,\"id\":1", 1);
        let answer = client.send(&format!("[{twice},{call}]"));
        let replies = answer.message.as_array().expect("an array");
        let errors: Vec<_> = replies.iter().map(|it| &it["error"]["message"]).collect();
        assert!(
            errors.contains(&&json!("The message has `id` twice")),
            "{answer:?}"
        );
        assert!(errors.contains(&&Value::Null), "the other is served");
    }
}

/// Returns the numbers of bytes for texts whose replies, to requests with ids of one digit, have exactly these lengths.
async fn text_of_reply(revision: &str, reply_bytes: usize) -> usize {
    let mut streams = Streams::start(server(), revision).await;
    let call = call(revision, 2, "text", &json!({ "bytes": 0 }));
    reply_bytes - streams.ask(&call).await.to_string().len()
}

#[tokio::test]
async fn response() {
    let row = row("response").for_all();
    row.says("-32603");
    let service = service(server()).await;
    for revision in [MODERN, LEGACY] {
        let mut streams = Streams::start(server(), revision).await;
        let bytes = text_of_reply(revision, row.number()).await;
        for (bytes, is_served) in [(bytes, true), (bytes + 1, false)] {
            let call = call(revision, 2, "text", &json!({ "bytes": bytes }));
            let over_streams = streams.ask(&call).await;
            let response = post(&service, "127.0.0.1", revision, None, &call).await;
            assert_eq!(response.status(), 200);
            let over_http = body(response).await;
            if is_served {
                assert!(over_streams["result"].is_object(), "over streams");
                assert_eq!(over_http.len(), row.number());
            } else {
                assert_eq!(over_streams["error"]["code"], -32603);
                assert_eq!(over_http, over_streams.to_string());
            }
        }
    }
}

#[tokio::test]
async fn batch_answer() {
    let row = row("batch-answer");
    row.says("-32603 for the request, and for those after it");
    let half = text_of_reply(BATCHES, row.number() / 2).await - 1;
    let batch = |first: usize| {
        let sizes = [first, half, half, 1];
        let calls = sizes.iter().zip(2..);
        let calls: Vec<Value> = calls
            .map(|(bytes, id)| call(BATCHES, id, "text", &json!({ "bytes": bytes })))
            .collect();
        Value::from(calls)
    };
    let errors = |replies: &Value| -> Vec<bool> {
        let replies = replies.as_array().expect("an array");
        replies
            .iter()
            .map(|reply| reply["error"]["code"] == -32603)
            .collect()
    };
    let mut streams = Streams::start(server(), BATCHES).await;
    for (first, expected) in [
        (half, [false, false, true, true]),
        (half + 100, [false, true, true, true]),
    ] {
        streams.send(&batch(first)).await;
        assert_eq!(errors(&streams.receive().await), expected);
    }
    let service = service(server()).await;
    let session = super::local::session(&service, "127.0.0.1", BATCHES).await;
    let response = post(
        &service,
        "127.0.0.1",
        BATCHES,
        Some(&session),
        &batch(half + 100),
    )
    .await;
    assert_eq!(errors(&reply(response).await), [false, true, true, true]);
}
