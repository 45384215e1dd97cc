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

#[tokio::test]
async fn the_user_fills_in_a_form_with_a_field_of_each_kind() {
    for revision in ERAS {
        let form = json!({ "name": "Ada", "check": true, "email": "ada@example.com", "birthdate": "1815-12-10",
            "titledSingleSelectEnum": "hero-2", "untitledMultipleSelectEnum": ["Piano", "Bass"] });
        let (client, questions) =
            answering(revision, json!({ "action": "accept", "content": form })).await;
        let text = call(&client, "trigger-elicitation-request", json!({}))
            .await
            .text();
        let filled: Value = serde_json::from_str(&text).unwrap();
        for (name, value) in form.as_object().unwrap() {
            assert_eq!(filled[name], *value, "{revision:?}: {name}");
        }
        assert_eq!(
            (&filled["integer"], &filled["firstLine"]),
            (&json!(42), &json!("It was a dark and stormy night."))
        );
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
            (12, &json!("email"), &json!("date"))
        );
    }
}

#[tokio::test]
async fn the_user_may_say_no() {
    for revision in ERAS {
        for (action, form, page) in [
            ("decline", "The user declined.", "The user declined."),
            (
                "cancel",
                "The user closed the form.",
                "The user closed the question.",
            ),
        ] {
            let (client, _) = answering(revision, json!({ "action": action })).await;
            assert_eq!(
                call(&client, "trigger-elicitation-request", json!({}))
                    .await
                    .text(),
                form
            );
            assert_eq!(
                call(&client, "trigger-url-elicitation", json!({}))
                    .await
                    .text(),
                page
            );
        }
    }
}

#[tokio::test]
async fn the_user_opens_a_page() {
    for revision in ERAS {
        let (client, questions) = answering(revision, json!({ "action": "accept" })).await;
        let text = call(
            &client,
            "trigger-url-elicitation",
            json!({ "url": "https://example.com/x" }),
        )
        .await
        .text();
        assert_eq!(text, "The user agreed to open https://example.com/x.");
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
        assert_eq!(
            text,
            "The client has 2 roots.\nWork: file:///work\nUnnamed Root: file:///home"
        );
    }
    let client = connect(Revision::V2026_07_28).await;
    for tool in [
        "trigger-sampling-request",
        "trigger-elicitation-request",
        "trigger-url-elicitation",
        "get-roots-list",
    ] {
        let arguments = if tool == "trigger-sampling-request" {
            json!({ "prompt": "x" })
        } else {
            json!({})
        };
        let refused = client.call(tool, arguments).await;
        assert!(
            matches!(refused, Err(ClientError::Rpc { code: -32021, .. })),
            "{tool}: {refused:?}"
        );
    }
}
