//! The tests of questions.

use std::sync::{Arc, Mutex};

use mcp_runtime::ClientError;

use super::*;

/// Connects a client that answers each question in this way, and notes the questions.
async fn answering(revision: Revision, answer: Value) -> (Client, Arc<Mutex<Vec<Value>>>) {
    let questions = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&questions);
    let client = server(INTERVAL)
        .client()
        .revision(revision)
        .answer_with(move |question| {
            seen.lock().unwrap().push(question.clone());
            answer.clone()
        });
    (client.await, questions)
}

fn texts(reply: &ToolReply) -> Vec<String> {
    let blocks = reply.content().iter();
    blocks
        .map(|block| block["text"].as_str().unwrap().to_owned())
        .collect()
}

/// Returns the answer of the user, which is the end of the last text.
fn raw_result(texts: &[String]) -> Value {
    let json = texts.last().unwrap().strip_prefix("\nRaw result: ");
    serde_json::from_str(json.unwrap()).unwrap()
}

#[tokio::test]
async fn the_user_fills_in_a_form_with_a_field_of_each_kind() {
    for revision in ERAS {
        let form = json!({ "name": "Ada", "check": true, "email": "ada@example.com", "birthdate": "1815-12-10",
            "titledSingleSelectEnum": "hero-2", "untitledMultipleSelectEnum": ["Piano", "Bass"] });
        let (client, questions) =
            answering(revision, json!({ "action": "accept", "content": form })).await;
        let reply = call(&client, "trigger-elicitation-request", json!({})).await;
        let texts = texts(&reply);
        assert_eq!(
            texts[..2],
            [
                "✅ User provided the requested information!",
                "User inputs:\n- Name: Ada\n- Agreed to terms: true\n- Email: ada@example.com\n- Birthdate: 1815-12-10\n\
                 - Favorite Integer: 42\n- Favorite Number: 2.5"
            ]
        );
        let filled = raw_result(&texts);
        assert_eq!(filled["action"], "accept");
        let filled = &filled["content"];
        for (name, value) in form.as_object().unwrap() {
            assert_eq!(filled[name], *value, "{revision:?}: {name}");
        }
        let defaults = [
            ("integer", json!(42)),
            ("firstLine", json!("It was a dark and stormy night.")),
            ("untitledSingleSelectEnum", json!("Monica")),
            ("titledMultipleSelectEnum", json!(["fish-1"])),
            ("legacyTitledEnum", json!("pet-1")),
        ];
        for (name, value) in defaults {
            assert_eq!(filled[name], value, "{revision:?}: {name}");
        }
        let questions = questions.lock().unwrap();
        let fields = questions[0]["params"]["requestedSchema"]["properties"]
            .as_object()
            .unwrap();
        let kinds: Vec<_> = fields
            .values()
            .map(|field| field["type"].as_str().unwrap_or("choice"))
            .collect();
        for kind in ["string", "boolean", "integer", "number", "array"] {
            assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
        }
        assert_eq!(
            (
                fields.len(),
                &fields["email"]["format"],
                &fields["birthdate"]["format"]
            ),
            (13, &json!("email"), &json!("date"))
        );
    }
}

#[tokio::test]
async fn the_user_may_say_no() {
    for revision in ERAS {
        for (action, form, page) in [
            (
                "decline",
                "❌ User declined to provide the requested information.",
                "❌ User declined to open the URL.",
            ),
            (
                "cancel",
                "⚠️ User cancelled the elicitation dialog.",
                "⚠️ User cancelled the URL elicitation.",
            ),
        ] {
            let (client, _) = answering(revision, json!({ "action": action })).await;
            for (tool, arguments, text) in [
                ("trigger-elicitation-request", json!({}), form),
                (
                    "trigger-url-elicitation",
                    json!({ "url": "https://example.com/" }),
                    page,
                ),
            ] {
                let texts = texts(&call(&client, tool, arguments).await);
                assert_eq!(texts[0], text, "{revision:?}");
                assert_eq!(raw_result(&texts), json!({ "action": action }));
            }
        }
    }
}

#[tokio::test]
async fn the_user_opens_a_page() {
    for revision in ERAS {
        let (client, questions) = answering(revision, json!({ "action": "accept" })).await;
        let arguments = json!({ "url": "https://example.com/x" });
        let texts = texts(&call(&client, "trigger-url-elicitation", arguments).await);
        assert_eq!(
            texts[0],
            "✅ User completed the URL elicitation flow.\nURL: https://example.com/x"
        );
        let questions = questions.lock().unwrap();
        assert_eq!(
            (
                &questions[0]["params"]["mode"],
                &questions[0]["params"]["url"]
            ),
            (&json!("url"), &json!("https://example.com/x"))
        );
    }
}

#[tokio::test]
async fn the_client_is_asked_for_a_sample_and_for_its_roots() {
    for revision in ERAS {
        let sample = json!({ "role": "assistant", "content": { "type": "text", "text": "Paris" }, "model": "m" });
        let (client, questions) = answering(revision, sample).await;
        let text = call(
            &client,
            "trigger-sampling-request",
            json!({ "prompt": "Where?", "maxTokens": 7 }),
        )
        .await
        .text();
        assert!(
            text.starts_with("LLM sampling result: \n{") && text.contains("Paris"),
            "{text}"
        );
        assert_eq!(questions.lock().unwrap()[0]["params"]["maxTokens"], 7);
        let roots = json!({ "roots": [{ "uri": "file:///work", "name": "Work" }, { "uri": "file:///home" }] });
        let (client, _) = answering(revision, roots).await;
        let text = call(&client, "get-roots-list", json!({})).await.text();
        let list = "Current MCP Roots (2 total):\n\n1. Work\n   URI: file:///work\n\n2. Unnamed Root\n   URI: file:///home";
        assert_eq!(text, list);
        let (client, _) = answering(revision, json!({ "roots": [] })).await;
        let text = call(&client, "get-roots-list", json!({})).await.text();
        assert!(text.contains("has none"), "{text}");
    }
    let client = connect(Revision::V2026_07_28).await;
    for (tool, arguments) in [
        ("trigger-sampling-request", json!({ "prompt": "x" })),
        ("trigger-elicitation-request", json!({})),
        (
            "trigger-url-elicitation",
            json!({ "url": "https://example.com/" }),
        ),
        ("get-roots-list", json!({})),
    ] {
        let refused = client.call(tool, arguments).await;
        assert!(
            matches!(refused, Err(ClientError::Rpc { code: -32021, .. })),
            "{tool}: {refused:?}"
        );
    }
}
