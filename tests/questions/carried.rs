//! The content of questions: everything that the handler gave, and nothing else.

use mcp_runtime::prelude::*;
use serde_json::{Value, json};

use super::caller::{Caller, only, server};
use super::forms::Text;
use super::session::{JUNE, NOVEMBER, Session, TRANSPORTS};

type Ask = fn(Context) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// A question, the name that its handler chose, and the method and parameters that a client receives.
struct Row {
    ask: Ask,
    key: Option<&'static str>,
    method: &'static str,
    params: Value,
}

fn form() -> Value {
    json!({ "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] })
}

fn rows() -> Vec<Row> {
    let text = |role: &str, text: &str| json!({ "role": role, "content": { "type": "text", "text": text } });
    let image = json!({ "type": "image", "data": "eA==", "mimeType": "image/png" });
    let audio = json!({ "type": "audio", "data": "eA==", "mimeType": "audio/wav" });
    vec![
        Row {
            ask: |context| {
                Box::pin(async move { drop(context.elicit::<Text>("a \"form\"\n").await) })
            },
            key: None,
            method: "elicitation/create",
            params: json!({ "message": "a \"form\"\n", "requestedSchema": form() }),
        },
        Row {
            ask: |context| {
                Box::pin(async move { drop(context.elicit::<Text>("").key("its_form").await) })
            },
            key: Some("its_form"),
            method: "elicitation/create",
            params: json!({ "message": "", "requestedSchema": form() }),
        },
        Row {
            ask: |context| {
                let page = context.elicit_url("pay", "https://example.com/?a=%20&b");
                Box::pin(async move { drop(page.key("its page").await) })
            },
            key: Some("its page"),
            method: "elicitation/create",
            params: json!({ "mode": "url", "message": "pay", "url": "https://example.com/?a=%20&b" }),
        },
        Row {
            ask: |context| Box::pin(async move { drop(context.sample("hello").await) }),
            key: None,
            method: "sampling/createMessage",
            params: json!({ "messages": [text("user", "hello")], "maxTokens": 1000 }),
        },
        Row {
            ask: |context| {
                let sampling = context
                    .sample("one")
                    .message(Message::assistant("two"))
                    .message(Message::user(Image::png(*b"x")))
                    .message(Message::assistant(Audio::wav(*b"x")))
                    .message(Message::user("three"))
                    .system("be brief")
                    .temperature(0.25)
                    .max_tokens(7)
                    .key("its model");
                Box::pin(async move { drop(sampling.await) })
            },
            key: Some("its model"),
            method: "sampling/createMessage",
            params: json!({
                "messages": [
                    text("user", "one"),
                    text("assistant", "two"),
                    { "role": "user", "content": image },
                    { "role": "assistant", "content": audio },
                    text("user", "three"),
                ],
                "systemPrompt": "be brief",
                "temperature": 0.25,
                "maxTokens": 7,
            }),
        },
        Row {
            ask: |context| {
                let sampling = context.sample("").max_tokens(7).max_tokens(u32::MAX);
                let sampling = sampling.system("first").system("last").temperature(0.0);
                Box::pin(async move { drop(sampling.await) })
            },
            key: None,
            method: "sampling/createMessage",
            params: json!({
                "messages": [text("user", "")],
                "systemPrompt": "last",
                "temperature": 0.0,
                "maxTokens": u32::MAX,
            }),
        },
        Row {
            ask: |context| Box::pin(async move { drop(context.roots().await) }),
            key: None,
            method: "roots/list",
            params: json!({}),
        },
        Row {
            ask: |context| Box::pin(async move { drop(context.roots_as("its roots").await) }),
            key: Some("its roots"),
            method: "roots/list",
            params: json!({}),
        },
    ]
}

fn asking(ask: Ask) -> Server {
    server(move |context| async move {
        ask(context).await;
        Ok(String::new())
    })
}

#[tokio::test]
async fn a_stateless_client_gets_what_the_handler_gave() {
    for Row {
        ask,
        key,
        method,
        params,
    } in rows()
    {
        let caller = Caller::of(asking(ask)).await;
        let asked = caller.call().await;
        let (name, request) = only(&asked);
        let expected = json!({ "method": method, "params": params });
        assert_eq!(*request, expected);
        assert!(key.is_none_or(|key| key == name), "{name}: {expected}");
    }
}

/// A session uses ids instead of the names of questions. Pages have an id of their own there.
#[tokio::test]
async fn a_session_gets_what_the_handler_gave() {
    for transport in TRANSPORTS {
        for revision in [JUNE, NOVEMBER] {
            for row in rows() {
                let is_page = row.params["mode"] == "url";
                if is_page && revision == JUNE {
                    continue;
                }
                let mut session = Session::open(transport, revision, asking(row.ask)).await;
                session.call(1).await;
                let mut question = session.question().await;
                let id = question["params"]
                    .as_object_mut()
                    .unwrap()
                    .remove("elicitationId");
                assert_eq!(id.is_some_and(|id| id.is_string()), is_page, "{question}");
                assert_eq!(question["method"], row.method);
                assert_eq!(question["params"], row.params, "{transport:?} {revision}");
                let members: Vec<_> = question.as_object().unwrap().keys().collect();
                assert_eq!(members, ["jsonrpc", "id", "method", "params"]);
            }
        }
    }
}
