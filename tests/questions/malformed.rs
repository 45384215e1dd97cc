//! Malformed answers to every kind of question in both eras: each has a defined outcome, and no call hangs.

use mcp_runtime::prelude::*;
use serde_json::{Value, json};

use super::caller::{Caller, server};
use super::forms::{Bounded, accepts};
use super::session::{NOVEMBER, Session, TRANSPORTS};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Form,
    Page,
    Model,
    Roots,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Form, Kind::Page, Kind::Model, Kind::Roots];

impl Kind {
    /// A server whose tool asks a question of this kind and returns the outcome.
    pub(crate) fn server(self) -> Server {
        server(move |context| async move {
            Ok(match self {
                Self::Form => {
                    let form = context.elicit::<Bounded>("x").await;
                    format!("{:?}", form.map(|Bounded { people, .. }| people))
                }
                Self::Page => {
                    let page = context.elicit_url("x", "https://example.com").await;
                    format!("{page:?}")
                }
                Self::Model => {
                    let sample = context.sample("x").await;
                    format!("{:?}", sample.map(|sample| sample.text()))
                }
                Self::Roots => {
                    let roots = context.roots().await;
                    let uris = |roots: Vec<mcp_runtime::Root>| {
                        roots.into_iter().map(|root| root.uri).collect::<Vec<_>>()
                    };
                    format!("{:?}", roots.map(uris))
                }
            })
        })
    }

    /// An answer, and its outcome.
    pub(crate) fn valid(self) -> (Value, &'static str) {
        match self {
            Self::Form => (accepts(json!({ "people": 7 })), "Ok(7)"),
            Self::Page => (json!({ "action": "accept" }), "Ok(())"),
            Self::Model => (sample(&said("hi")), "Ok(\"hi\")"),
            Self::Roots => (
                json!({ "roots": [{ "uri": "file:///a" }] }),
                "Ok([\"file:///a\"])",
            ),
        }
    }

    /// Results that are invalid for a question of this kind.
    fn invalid(self) -> Vec<Value> {
        match self {
            Self::Form => forms(),
            Self::Page => decisions(),
            Self::Model => samples(),
            Self::Roots => roots(),
        }
    }
}

fn said(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn sample(content: &Value) -> Value {
    json!({ "role": "assistant", "model": "m", "content": content })
}

/// Results that are invalid for every kind of question.
fn strangers(kind: Kind) -> Vec<Value> {
    let (valid, _) = kind.valid();
    vec![
        json!(true),
        json!(7),
        json!(1e300),
        json!("accept"),
        json!([]),
        json!([valid]),
        json!({}),
        json!({ "result": valid }),
        json!({ "error": { "code": -1, "message": "no" } }),
        json!({ "_meta": {} }),
        json!({ "action": null, "role": null, "content": null, "roots": null }),
        json!({ "x".repeat(100_000): 1 }),
        (0..40).fold(json!({}), |inner, _| json!({ "content": inner })),
    ]
}

fn decisions() -> Vec<Value> {
    ["", "Accept", "accept ", "dance", "true"]
        .map(|action| json!({ "action": action }))
        .into_iter()
        .chain(
            [true.into(), 1.into(), json!(["accept"]), json!({})]
                .map(|it: Value| json!({ "action": it })),
        )
        .chain([json!({ "content": {} })])
        .collect()
}

fn forms() -> Vec<Value> {
    let contents = [
        json!(null),
        json!(7),
        json!("x"),
        json!([]),
        json!([{ "people": 7 }]),
        json!({}),
        json!({ "word": "abc" }),
        json!({ "People": 7 }),
        json!({ "people": null }),
        json!({ "people": true }),
        json!({ "people": 7.5 }),
        json!({ "people": "seven" }),
        json!({ "people": [7] }),
        json!({ "people": { "people": 7 } }),
        json!({ "people": 0 }),
        json!({ "people": 21 }),
        json!({ "people": -1 }),
        json!({ "people": 1e300 }),
        json!({ "people": 7, "word": "x".repeat(100_000) }),
        json!({ "people": 7, "word": ["abc"] }),
    ];
    let missing = json!({ "action": "accept" });
    let forms = contents.map(accepts).into_iter().chain([missing]);
    forms.chain(decisions()).collect()
}

fn samples() -> Vec<Value> {
    let contents = [
        json!(null),
        json!(7),
        json!("hi"),
        json!({}),
        json!([7]),
        json!([said("hi"), "hi"]),
        json!([said("hi"), {}]),
        json!([[said("hi")]]),
        json!({ "type": "text" }),
        json!({ "type": "text", "text": null }),
        json!({ "type": "text", "text": ["hi"] }),
        json!({ "type": "Text", "text": "hi" }),
        json!({ "type": 7, "text": "hi" }),
        json!({ "text": "hi" }),
        json!({ "type": "image" }),
        json!({ "type": "image", "data": "eA==" }),
        json!({ "type": "image", "data": 7, "mimeType": "image/png" }),
        json!({ "type": "audio", "mimeType": "audio/wav" }),
        json!({ "type": "hologram", "text": "hi" }),
        json!({ "type": "resource_link", "uri": "file:///a", "name": "a" }),
    ];
    let whole =
        |role: Value, model: Value| json!({ "role": role, "model": model, "content": said("hi") });
    let mut samples = contents.map(|content| sample(&content)).to_vec();
    samples.extend([
        whole(json!(null), json!("m")),
        whole(json!(7), json!("m")),
        whole(json!("system"), json!("m")),
        whole(json!("Assistant"), json!("m")),
        whole(json!(["assistant"]), json!("m")),
        whole(json!("assistant"), json!(7)),
        whole(json!("assistant"), json!({ "name": "m" })),
        json!({ "role": "assistant", "model": "m" }),
        json!({ "model": "m", "content": said("hi") }),
    ]);
    samples
}

fn roots() -> Vec<Value> {
    let listed = [
        json!(null),
        json!(7),
        json!("file:///a"),
        json!({}),
        json!({ "uri": "file:///a" }),
        json!([null]),
        json!(["file:///a"]),
        json!([{}]),
        json!([{ "name": "a" }]),
        json!([{ "uri": null }]),
        json!([{ "uri": 7 }]),
        json!([{ "uri": ["file:///a"] }]),
        json!([{ "uri": "file:///a", "name": 7 }]),
        json!([{ "uri": "file:///a" }, { "URI": "file:///b" }]),
        json!([{ "uri": "file:///a" }, null]),
        json!([["file:///a", "a"]]),
    ];
    let listed = listed.map(|roots| json!({ "roots": roots })).into_iter();
    let others = [json!({ "Roots": [] }), json!([[{ "uri": "file:///a" }]])];
    listed.chain(others).collect()
}

fn malformed(kind: Kind) -> impl Iterator<Item = Value> {
    strangers(kind).into_iter().chain(kind.invalid())
}

/// An outcome of `Ok` would mean that the handler accepts an invalid answer.
#[tokio::test]
async fn in_the_stateless_era_three_malformed_answers_are_invalid() {
    for kind in KINDS {
        let caller = Caller::of(kind.server()).await;
        for answer in malformed(kind).chain([Value::Null]) {
            let done = caller.run(|_, _| Some(answer.clone())).await;
            assert_eq!(done.text(), "Err(Invalid)", "{kind:?}: {answer}");
            assert_eq!(done.rounds.len(), 3, "{kind:?}: {answer}");
        }
        let (valid, outcome) = kind.valid();
        let after_two =
            caller.run(|round, _| Some(if round < 2 { json!({}) } else { valid.clone() }));
        assert_eq!(after_two.await.text(), outcome, "{kind:?}");
    }
}

#[tokio::test]
async fn in_a_session_three_malformed_answers_are_invalid() {
    for transport in TRANSPORTS {
        for kind in KINDS {
            let mut session = Session::open(transport, NOVEMBER, kind.server()).await;
            for answer in malformed(kind) {
                session.call(1).await;
                for _ in 0..3 {
                    let question = session.question().await;
                    session.answer(&question, answer.clone()).await;
                }
                let outcome = session.text(1).await;
                assert_eq!(outcome, "Err(Invalid)", "{transport:?} {kind:?}: {answer}");
            }
            session.call(1).await;
            let question = session.question().await;
            let (valid, outcome) = kind.valid();
            session.answer(&question, valid).await;
            assert_eq!(session.text(1).await, outcome, "{transport:?} {kind:?}");
            session.is_well().await;
        }
    }
}

/// Responses without a result: the question is asked once, and its outcome is an error.
#[tokio::test]
async fn a_response_that_is_none_or_an_error_ends_its_question() {
    for transport in TRANSPORTS {
        for kind in KINDS {
            let (valid, _) = kind.valid();
            let error = json!({ "code": -1, "message": "no" });
            let mut session = Session::open(transport, NOVEMBER, kind.server()).await;
            for (members, outcome) in [
                (json!({ "error": error }), "Err(Refused(\"no\"))"),
                (json!({ "result": valid, "error": error }), "Err(Malformed("),
                (json!({ "result": null }), "Err(Malformed("),
                (json!({ "error": null }), "Err(Malformed("),
                (json!({ "error": "no" }), "Err(Malformed("),
                (json!({ "error": 7 }), "Err(Malformed("),
                (json!({ "error": [] }), "Err(Malformed("),
                (json!({ "error": {} }), "Err(Malformed("),
                (json!({ "error": { "code": -1 } }), "Err(Malformed("),
                (
                    json!({ "error": { "code": -1, "message": 5 } }),
                    "Err(Malformed(",
                ),
            ] {
                session.call(1).await;
                let question = session.question().await;
                let mut response = members.clone();
                response["jsonrpc"] = "2.0".into();
                response["id"] = question["id"].clone();
                session.send(response).await;
                let text = session.text(1).await;
                assert!(
                    text.starts_with(outcome),
                    "{transport:?} {kind:?} {members}: {text}"
                );
            }
            session.is_well().await;
        }
    }
}

/// Unknown members and boundary values do not make an answer malformed.
#[tokio::test]
async fn unusual_answers_are_answers() {
    let parts =
        json!([said("a"), { "type": "image", "data": "eA==", "mimeType": "image/png" }, said("b")]);
    let unnamed = json!({ "role": "assistant", "content": said("hi") });
    let as_user = json!({ "role": "user", "model": "m", "content": said("hi") });
    let many: Vec<Value> = (0..1000).map(|_| json!({ "uri": "file:///a" })).collect();
    let all = format!("Ok({:?})", vec!["file:///a"; 1000]);
    for (kind, answer, outcome) in [
        (
            Kind::Form,
            json!({ "action": "accept", "content": { "people": 7, "more": [1] }, "_meta": {}, "x": 1 }),
            "Ok(7)",
        ),
        (
            Kind::Page,
            json!({ "action": "accept", "content": 7 }),
            "Ok(())",
        ),
        (Kind::Model, sample(&json!([])), "Ok(\"\")"),
        (Kind::Model, sample(&parts), "Ok(\"a\\nb\")"),
        (Kind::Model, unnamed, "Ok(\"hi\")"),
        (Kind::Model, as_user, "Ok(\"hi\")"),
        (Kind::Roots, json!({ "roots": [] }), "Ok([])"),
        (
            Kind::Roots,
            json!({ "roots": [{ "uri": "https://a.example" }, { "uri": "" }, { "uri": "file:" }, { "uri": "FILE:///a", "name": null, "x": 1 }] }),
            "Ok([\"FILE:///a\"])",
        ),
        (Kind::Roots, json!({ "roots": many }), &all),
    ] {
        let caller = Caller::of(kind.server()).await;
        let done = caller.run(|_, _| Some(answer.clone())).await;
        assert_eq!(done.text(), outcome, "{kind:?}: {answer}");
        for transport in TRANSPORTS {
            let mut session = Session::open(transport, NOVEMBER, kind.server()).await;
            session.call(1).await;
            let question = session.question().await;
            session.answer(&question, answer.clone()).await;
            assert_eq!(session.text(1).await, outcome, "{kind:?}: {answer}");
        }
    }
}
