//! Invalid answers, refusals, and clients that cannot be asked.

use mcp_runtime::prelude::*;
use mcp_runtime::{AskError, Capability, ClientError, Revision};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};
use tokio::join;

use super::caller::{Caller, is_asking, only, server, tool_call};
use super::forms::{Bounded, accepts, declines, says, text, text_as};

fn invalid() -> Value {
    accepts(json!({ "text": 1 }))
}

/// Each question has its own limit of invalid answers, whatever its name.
#[tokio::test]
async fn invalid_answers_to_one_question_are_not_held_against_the_next() {
    for named in [false, true] {
        let caller = Caller::of(server(move |context| async move {
            let mut all = String::new();
            for _ in 0..5 {
                all += &if named {
                    text_as(&context, "next", "next").await?
                } else {
                    text(&context, "next").await?
                };
            }
            Ok(all)
        }))
        .await;
        let done = caller
            .run(|round, _| Some(if round % 3 < 2 { invalid() } else { says("x") }))
            .await;
        assert_eq!(
            (done.rounds.len(), done.text()),
            (15, "xxxxx"),
            "{}",
            done.result
        );
    }
}

/// Answers are checked against the constraints of the form, not only against its types.
#[tokio::test]
async fn answers_are_held_against_the_form() {
    let caller = Caller::of(server(|context| async move {
        let Bounded { people, word } = context.elicit("how many?").await?;
        Ok(format!("{people} {word:?}"))
    }))
    .await;
    for (content, expected) in [
        (json!({ "people": 0 }), None),
        (json!({ "people": 21 }), None),
        (json!({ "people": 300 }), None),
        (json!({ "people": "7" }), None),
        (json!({ "people": 7, "word": "x" }), None),
        (json!({ "people": 7, "word": "longer" }), None),
        (json!({ "people": 1, "word": "éé" }), Some("1 Some(\"éé\")")),
        (json!({ "people": 20 }), Some("20 None")),
        (json!({ "people": 20, "word": null }), Some("20 None")),
        (
            json!({ "people": 20, "word": "12345", "more": true }),
            Some("20 Some(\"12345\")"),
        ),
    ] {
        let asking = caller.call().await;
        let result = caller.reply(&asking, accepts(content.clone())).await;
        match expected {
            None => assert!(is_asking(&result), "{content}"),
            Some(text) => assert_eq!(result["content"][0]["text"], text, "{content}"),
        }
    }
}

#[tokio::test]
async fn no_is_typed_and_fails_closed() {
    for (action, word) in [("decline", "Declined"), ("cancel", "Cancelled")] {
        let answer = json!({ "action": action, "content": { "text": "x" } });
        let caller = Caller::of(server(|context| async move {
            Ok(format!("{:?}", text(&context, "what").await.unwrap_err()))
        }))
        .await;
        let done = caller.run(|_, _| Some(answer.clone())).await;
        assert_eq!((done.text(), done.rounds.len()), (word, 1));

        let caller = Caller::of(server(|context| async move {
            text(&context, "may I?").await?;
            panic!("the call was refused");
        }))
        .await;
        let done = caller.run(|_, _| Some(answer.clone())).await;
        assert_eq!(done.result["isError"], true);
        assert!(done.text().contains("the user"), "{}", done.text());
    }
}

#[tokio::test]
async fn a_no_is_remembered_while_more_is_asked() {
    let caller = Caller::of(server(|context| async move {
        let first = text(&context, "first").await;
        let second = text(&context, "second").await?;
        Ok(format!("{first:?} {second}"))
    }))
    .await;
    let done = caller
        .run(|round, _| Some(if round == 0 { declines() } else { says("x") }))
        .await;
    assert_eq!(done.text(), "Err(Declined) x");
}

#[tokio::test]
async fn who_cannot_be_asked_is_told_what_is_missing() {
    let kinds = [
        (
            "form",
            Capability::ElicitationForm,
            json!({ "elicitation": { "form": {} } }),
        ),
        (
            "url",
            Capability::ElicitationUrl,
            json!({ "elicitation": { "url": {} } }),
        ),
        ("model", Capability::Sampling, json!({ "sampling": {} })),
        ("roots", Capability::Roots, json!({ "roots": {} })),
    ];
    for (kind, capability, declaration) in kinds {
        let ask = move |context: Context| async move {
            match kind {
                "form" => text(&context, "x").await.map(drop),
                "url" => context.elicit_url("x", "https://example.com").await,
                "model" => context.sample("x").await.map(drop),
                _ => context.roots().await.map(drop),
            }
        };
        // The handler may continue without an answer.
        let typed = Caller::with(
            server(move |context| async move { Ok(format!("{:?}", ask(context).await)) }),
            json!({}),
        )
        .await;
        let expected = format!("{:?}", Err::<(), _>(AskError::CannotBeAsked(capability)));
        assert_eq!(typed.call().await["content"][0]["text"], expected);

        let handler = move |context| async move {
            ask(context).await?;
            Ok("asked".to_owned())
        };
        let modern = Caller::with(server(handler), json!({})).await;
        let Err(ClientError::Rpc { code, data, .. }) = modern.send("tools/call", tool_call()).await
        else {
            panic!("{kind} was not refused");
        };
        assert_eq!(code, -32021, "{kind}");
        assert_eq!(
            data,
            Some(json!({ "requiredCapabilities": declaration.clone() }))
        );

        // With the capability that the error names, the call continues.
        let able = Caller::with(server(handler), declaration).await;
        assert!(is_asking(&able.call().await));

        let legacy = server(handler)
            .connect()
            .revision(Revision::V2025_11_25)
            .await;
        let reply = legacy.call("tool", json!({})).await.unwrap();
        assert!(reply.is_error(), "{kind}");
    }
}

#[tokio::test]
async fn an_empty_elicitation_object_means_forms_and_no_pages() {
    let handler = |context: Context| async move {
        context.elicit_url("x", "https://example.com").await?;
        Ok(String::new())
    };
    let caller = Caller::with(server(handler), json!({ "elicitation": {} })).await;
    assert!(caller.send("tools/call", tool_call()).await.is_err());
    let caller = Caller::with(
        server(|context| async move { Ok(text(&context, "x").await?) }),
        json!({ "elicitation": {} }),
    )
    .await;
    let asking = caller.call().await;
    assert_eq!(only(&asking).1["method"], "elicitation/create");
}

#[tokio::test]
async fn users_are_sent_to_safe_pages_only() {
    for (url, safe) in [
        ("https://example.com/pay?id=7", true),
        ("http://localhost:8000/pay", true),
        ("http://127.0.0.1/pay", true),
        ("http://[::1]:80/pay", true),
        ("http://[::1]/pay", true),
        ("http://example.com/pay", false),
        ("http://localhost.example.com/pay", false),
        ("http://localhost@example.com/pay", false),
        ("https:///pay", false),
        ("https://exa mple.com", false),
        ("https://example.com/\u{e9}", false),
        ("https://example.com/%c3%A9", true),
        ("https://example.com/%zz", false),
        ("http://localhost/a b", false),
        ("javascript:alert(1)", false),
        ("/pay", false),
        ("", false),
    ] {
        let caller = Caller::of(server(move |context| async move {
            context.elicit_url("Pay", url).await?;
            Ok(String::new())
        }))
        .await;
        let result = caller.call().await;
        assert_eq!(is_asking(&result), safe, "{url}: {result}");
        assert_eq!(result["isError"] == true, !safe, "{url}: {result}");
    }
}

/// If the error named one missing capability at a time, a client would need one request for each.
#[tokio::test]
async fn all_capabilities_that_were_missing_are_named() {
    let handler = |context: Context| async move {
        let (form, page, roots) = join!(
            text(&context, "x"),
            context.elicit_url("x", "https://example.com"),
            context.roots(),
        );
        form?;
        page?;
        roots?;
        Ok(String::new())
    };
    let refused = |outcome| {
        let Err(ClientError::Rpc { code, data, .. }) = outcome else {
            panic!("the call was not refused: {outcome:?}");
        };
        assert_eq!(code, -32021);
        data.unwrap()["requiredCapabilities"].take()
    };
    let all = json!({ "elicitation": { "form": {}, "url": {} }, "roots": {} });
    let caller = Caller::with(server(handler), json!({})).await;
    let outcome = caller.send("tools/call", tool_call()).await;
    assert_eq!(refused(outcome), all);
    // Questions that the client can answer are asked first.
    let caller = Caller::with(server(handler), json!({ "elicitation": {} })).await;
    let asking = caller.call().await;
    let answers = json!({ only(&asking).0: says("x") });
    let outcome = caller
        .again("tools/call", &tool_call(), answers, &asking)
        .await;
    let rest = json!({ "elicitation": { "url": {} }, "roots": {} });
    assert_eq!(refused(outcome), rest);
    let able = Caller::with(server(handler), all).await;
    assert!(is_asking(&able.call().await));
}

#[tokio::test]
async fn the_first_capability_that_is_missing_hides_no_other() {
    let handler = |context: Context| async move {
        let form = async { text(&context, "x").await.map(drop) };
        let roots = async { context.roots().await.map(drop) };
        tokio::try_join!(form, roots)?;
        Ok(String::new())
    };
    let caller = Caller::with(server(handler), json!({})).await;
    let outcome = caller.send("tools/call", tool_call()).await;
    let Err(ClientError::Rpc { message, .. }) = outcome else {
        panic!("the call was not refused: {outcome:?}");
    };
    let all = "The client must be able to ask its user to fill in a form and to list its roots";
    assert_eq!(message, all);
}
