//! Questions to sessions: requests of the server on the stream of the call that asks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{AskError, Capability, EmbeddedResource, Limits, ResourceContents};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::{join, select};

use super::caller::{everything, message, server, tool};
use super::forms::{Bounded, Text, accepts, declines, says, text};
use super::session::{JUNE, NOVEMBER, Session, TRANSPORTS, Transport};

/// Every transport with every revision that has sessions and questions.
fn sessions() -> impl Iterator<Item = (Transport, &'static str)> {
    TRANSPORTS
        .into_iter()
        .flat_map(|transport| [(transport, JUNE), (transport, NOVEMBER)])
}

/// Returns the outcome of a question.
async fn tell(context: Context) -> Result<String, ToolError> {
    Ok(format!("{:?}", text(&context, "what").await))
}

fn impatient() -> Limits {
    let mut limits = Limits::default();
    limits.answer_timeout = Duration::from_millis(100);
    limits
}

#[tokio::test]
async fn every_answer_has_its_outcome() {
    for (transport, revision) in sessions() {
        let mut session = Session::open(transport, revision, server(tell)).await;
        for (answer, outcome) in [
            (says("x"), "Ok(\"x\")"),
            (declines(), "Err(Declined)"),
            (json!({ "action": "cancel" }), "Err(Cancelled)"),
        ] {
            session.call(1).await;
            let question = session.question().await;
            assert_eq!(question["method"], "elicitation/create");
            assert_eq!(message(&question), "what");
            session.answer(&question, answer).await;
            assert_eq!(session.text(1).await, outcome);
        }
        session.call(1).await;
        let question = session.question().await;
        let error = json!({ "code": -32603, "message": "no screen" });
        let refusal = json!({ "jsonrpc": "2.0", "id": question["id"], "error": error });
        session.send(refusal).await;
        assert_eq!(session.text(1).await, "Err(Refused(\"no screen\"))");
        session.is_well().await;
    }
}

#[tokio::test]
async fn no_fails_closed() {
    for (transport, revision) in sessions() {
        let handler = |context: Context| async move {
            text(&context, "may I?").await?;
            panic!("the call was refused");
        };
        let mut session = Session::open(transport, revision, server(handler)).await;
        session.call(1).await;
        let question = session.question().await;
        session.answer(&question, declines()).await;
        let result = session.result(1).await;
        assert_eq!(result["isError"], true);
        assert!(result.to_string().contains("declined"), "{result}");
    }
}

#[tokio::test]
async fn an_invalid_answer_is_asked_for_again_but_not_for_ever() {
    for (transport, revision) in sessions() {
        let handler = |context: Context| async move {
            let answer = context.elicit("how many?").await;
            Ok(format!("{:?}", answer.map(|Bounded { people, .. }| people)))
        };
        let mut session = Session::open(transport, revision, server(handler)).await;
        for (valid, outcome) in [(2, "Ok(7)"), (3, "Err(Invalid)")] {
            session.call(1).await;
            for invalid in [json!({ "people": 21 }), json!({}), json!([])]
                .into_iter()
                .take(valid)
            {
                let question = session.question().await;
                session.answer(&question, accepts(invalid)).await;
            }
            if valid < 3 {
                let question = session.question().await;
                session
                    .answer(&question, accepts(json!({ "people": 7 })))
                    .await;
            }
            assert_eq!(session.text(1).await, outcome);
        }
        session.is_well().await;
    }
}

#[tokio::test]
async fn a_question_that_nobody_answers_is_given_up_and_a_late_answer_ignored() {
    for (transport, revision) in sessions() {
        let server = server(tell).limits(impatient());
        let mut session = Session::open(transport, revision, server).await;
        session.call(1).await;
        let question = session.question().await;
        session.expect_cancelled(&question).await;
        assert_eq!(session.text(1).await, "Err(TimedOut)");
        session.answer(&question, says("late")).await;
        session.is_well().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_too_deep_or_too_long_ends_its_question() {
    for (transport, revision) in sessions() {
        let mut limits = Limits::default();
        limits.message_bytes = 5000;
        let server = server(tell).limits(limits);
        let mut session = Session::open(transport, revision, server).await;
        let deep = (0..70).fold(json!(1), |inner, _| json!([inner]));
        let long = says("x".repeat(5000));
        for (answer, reason) in [
            (deep, "The message nests deeper than 64 levels"),
            (long, "The message is longer than 5000 bytes"),
        ] {
            // Over HTTP the status reports it.
            if transport == Transport::Http && reason.contains("longer") {
                continue;
            }
            session.call(1).await;
            let question = session.question().await;
            session.answer(&question, answer).await;
            assert_eq!(session.text(1).await, format!("Err(Refused({reason:?}))"));
        }
        session.is_well().await;
    }
}

#[tokio::test]
async fn a_cancelled_call_cancels_its_question() {
    for (transport, revision) in sessions() {
        let dropped = Arc::new(AtomicU32::new(0));
        let mut session = Session::open(transport, revision, server(guarded(&dropped))).await;
        session.call(1).await;
        let question = session.question().await;
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
        session.cancel(1).await;
        session.expect_cancelled(&question).await;
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        session.answer(&question, says("late")).await;
        session.is_well().await;
    }
}

/// Counts when it is dropped.
pub(crate) struct Witness(pub(crate) Arc<AtomicU32>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// [`tell`], and counts how often it was dropped.
fn guarded(
    dropped: &Arc<AtomicU32>,
) -> impl Fn(Context) -> std::pin::Pin<Box<dyn Future<Output = Result<String, ToolError>> + Send>>
+ Send
+ Sync
+ 'static {
    let dropped = Arc::clone(dropped);
    move |context| {
        let witness = Witness(Arc::clone(&dropped));
        Box::pin(async move {
            let _witness = witness;
            tell(context).await
        })
    }
}

#[tokio::test]
async fn responses_that_fit_no_question_are_ignored() {
    for (transport, revision) in sessions() {
        let mut session = Session::open(transport, revision, server(tell)).await;
        session.call(1).await;
        let question = session.question().await;
        let other = question["id"].as_str().unwrap().to_owned() + "1";
        for id in [
            json!(other),
            json!("x"),
            json!(1),
            json!(i64::MAX),
            json!(-1),
        ] {
            let response = json!({ "jsonrpc": "2.0", "id": id, "result": says("foreign") });
            session.send(response).await;
        }
        session.answer(&question, says("first")).await;
        session.answer(&question, says("second")).await;
        assert_eq!(session.text(1).await, "Ok(\"first\")");
        session.answer(&question, says("third")).await;
        session.is_well().await;
    }
}

/// Two sessions of one server.
#[tokio::test]
async fn nobody_answers_for_another_session() {
    let server = server(tell);
    let mut victim = Session::open(Transport::Http, NOVEMBER, server).await;
    let mut stranger = victim.another().await;
    victim.call(1).await;
    let question = victim.question().await;
    stranger.answer(&question, says("stolen")).await;
    victim.answer(&question, says("mine")).await;
    assert_eq!(victim.text(1).await, "Ok(\"mine\")");
}

#[tokio::test]
async fn a_session_that_declared_nothing_is_not_asked() {
    for (transport, revision) in sessions() {
        let handler = |context: Context| async move {
            let (form, page, model, roots) = join!(
                text(&context, "x"),
                context.elicit_url("x", "https://example.com"),
                context.sample("x"),
                context.roots(),
            );
            let cannot = [
                form.map(drop).unwrap_err(),
                page.unwrap_err(),
                model.map(drop).unwrap_err(),
                roots.map(drop).unwrap_err(),
            ];
            assert_eq!(
                cannot,
                [
                    Capability::ElicitationForm,
                    Capability::ElicitationUrl,
                    Capability::Sampling,
                    Capability::Roots
                ]
                .map(AskError::CannotBeAsked)
            );
            Ok(text(&context, "x").await?)
        };
        let mut session = Session::with(transport, revision, server(handler), json!({})).await;
        session.call(1).await;
        let result = session.result(1).await;
        assert_eq!(result["isError"], true);
        assert!(
            result.to_string().contains("this client cannot"),
            "{result}"
        );
    }
}

#[tokio::test]
async fn without_a_stream_or_a_session_nobody_is_asked() {
    let session = Session::open(Transport::Http, NOVEMBER, server(tell)).await;
    let (_, messages) = session.call_as(true, "application/json").await;
    let text = &messages[0]["result"]["content"][0]["text"];
    assert_eq!(text, "Err(CannotBeAsked(ElicitationForm))");
    let (head, messages) = session
        .call_as(false, "application/json, text/event-stream")
        .await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let text = &messages[0]["result"]["content"][0]["text"];
    assert_eq!(text, "Err(CannotBeAsked(ElicitationForm))");
}

#[tokio::test]
async fn a_call_goes_on_after_its_client_lost_the_stream() {
    let reached = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&reached);
    let handler = move |context: Context| {
        let count = Arc::clone(&count);
        async move {
            text(&context, "what").await?;
            count.fetch_add(1, Ordering::SeqCst);
            Ok(String::new())
        }
    };
    let mut session = Session::open(Transport::Http, NOVEMBER, server(handler)).await;
    session.call(1).await;
    let question = session.question().await;
    session.disconnect().await;
    session.answer(&question, says("x")).await;
    for _ in 0..1000 {
        if reached.load(Ordering::SeqCst) == 1 {
            return session.is_well().await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the call did not go on");
}

#[tokio::test]
async fn the_end_of_the_streams_ends_a_call_that_asks() {
    let dropped = Arc::new(AtomicU32::new(0));
    let mut limits = Limits::default();
    limits.shutdown_grace = Duration::from_millis(50);
    let server = server(guarded(&dropped)).limits(limits);
    let mut session = Session::open(Transport::Streams, NOVEMBER, server).await;
    session.call(1).await;
    session.question().await;
    session.disconnect().await;
    session.ended().await;
    // The task of the call is cancelled at its next poll.
    for _ in 0..1000 {
        if dropped.load(Ordering::SeqCst) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the handler was not dropped");
}

#[tokio::test]
async fn a_question_that_is_dropped_is_cancelled() {
    for (transport, revision) in sessions() {
        let handler = |context: Context| async move {
            let chosen = select! {
                answer = text(&context, "slow") => answer?,
                answer = text(&context, "quick") => answer?,
            };
            Ok(chosen + &text(&context, "last").await?)
        };
        let mut session = Session::open(transport, revision, server(handler)).await;
        session.call(1).await;
        let (one, other) = (session.question().await, session.question().await);
        let (slow, quick) = if message(&one) == "slow" {
            (one, other)
        } else {
            (other, one)
        };
        session.answer(&quick, says("quick ")).await;
        session.expect_cancelled(&slow).await;
        let last = session.question().await;
        assert_eq!(message(&last), "last");
        session.answer(&slow, says("too late")).await;
        session.answer(&last, says("last")).await;
        assert_eq!(session.text(1).await, "quick last");
    }
}

#[tokio::test]
async fn questions_side_by_side_are_asked_at_once_and_answered_in_any_order() {
    for (transport, revision) in sessions() {
        let handler = |context: Context| async move {
            let (one, other) = join!(text(&context, "one"), text(&context, "other"));
            Ok(one? + &other?)
        };
        let mut session = Session::open(transport, revision, server(handler)).await;
        session.call(1).await;
        let (one, other) = (session.question().await, session.question().await);
        assert_ne!(one["id"], other["id"]);
        assert_eq!((message(&one), message(&other)), ("one", "other"));
        session.answer(&other, says("2")).await;
        session.answer(&one, says("1")).await;
        assert_eq!(session.text(1).await, "12");
    }
}

#[tokio::test]
async fn the_same_question_in_a_loop_is_asked_each_time() {
    for (transport, revision) in sessions() {
        let handler = |context: Context| async move {
            let mut all = String::new();
            for _ in 0..50 {
                all += &text(&context, "next").await?;
            }
            Ok(all)
        };
        let mut session = Session::open(transport, revision, server(handler)).await;
        session.call(1).await;
        let answers: Vec<String> = (0..50).map(|number| format!("{number};")).collect();
        for answer in &answers {
            let question = session.question().await;
            session.answer(&question, says(answer)).await;
        }
        assert_eq!(session.text(1).await, answers.concat());
    }
}

#[tokio::test]
async fn others_are_served_while_a_question_is_open() {
    for (transport, revision) in sessions() {
        let quick = tool("quick", |_| async { Ok("quick".to_owned()) });
        let mut session = Session::open(transport, revision, server(tell).with(quick)).await;
        session.call(1).await;
        let first = session.question().await;
        session.is_well().await;
        let params = json!({ "name": "quick", "arguments": {} });
        session.request(2, "tools/call", params).await;
        assert_eq!(session.text(2).await, "quick");
        session.call(3).await;
        let third = session.question().await;
        session.answer(&third, says("third")).await;
        assert_eq!(session.text(3).await, "Ok(\"third\")");
        session.answer(&first, says("first")).await;
        assert_eq!(session.text(1).await, "Ok(\"first\")");
    }
}

#[tokio::test]
async fn models_and_roots_are_asked_too() {
    for (transport, revision) in sessions() {
        let handler = |context: Context| async move {
            let sample = context.sample("hello").max_tokens(7).await?;
            Ok(format!(
                "{} {}",
                sample.text(),
                context.roots().await?[0].uri
            ))
        };
        let mut session = Session::open(transport, revision, server(handler)).await;
        session.call(1).await;
        let question = session.question().await;
        assert_eq!(question["method"], "sampling/createMessage");
        assert_eq!(question["params"]["maxTokens"], 7);
        let without_content = json!({ "role": "assistant", "model": "m" });
        session.answer(&question, without_content).await;
        let question = session.question().await;
        assert_eq!(question["method"], "sampling/createMessage");
        let content = json!({ "type": "text", "text": "hi" });
        let answer = json!({ "role": "assistant", "model": "m", "content": content });
        session.answer(&question, answer).await;
        let question = session.question().await;
        assert_eq!(question["method"], "roots/list");
        let roots = json!({ "roots": [{ "uri": "https://a" }, { "uri": "file:///a" }] });
        session.answer(&question, roots).await;
        assert_eq!(session.text(1).await, "hi file:///a");
    }
}

/// Sizes of pizza.
#[derive(Debug, Deserialize, JsonSchema, Elicit)]
enum Size {
    /// For one
    Small,
    /// For two
    Large,
}

#[derive(Debug, Deserialize, JsonSchema, Elicit)]
struct Order {
    #[serde(default = "two")]
    count: u8,
    size: Size,
}

fn two() -> u8 {
    2
}

#[derive(Debug, Deserialize, JsonSchema, Elicit)]
struct Several {
    #[allow(dead_code)] // only its form is used
    sizes: Vec<Size>,
}

/// The question is in the format of each revision, and is not sent in revisions that do not support it.
#[tokio::test]
async fn forms_are_those_of_the_revision() {
    let handler = |context: Context| async move {
        let Order { count, size } = context.elicit("order").await?;
        let several = context.elicit::<Several>("several").await.map(drop);
        let page = context.elicit_url("pay", "https://example.com").await;
        Ok(format!("{count} {size:?} {several:?} {page:?}"))
    };
    for (transport, revision) in sessions() {
        let mut session = Session::open(transport, revision, server(handler)).await;
        session.call(1).await;
        let question = session.question().await;
        let form = &question["params"]["requestedSchema"]["properties"];
        let is_old = revision == JUNE;
        assert_eq!(form["count"].get("default").is_none(), is_old, "{form}");
        assert_eq!(form["size"].get("enumNames").is_some(), is_old, "{form}");
        assert_eq!(form["size"].get("oneOf").is_none(), is_old, "{form}");
        let order = json!({ "count": 1, "size": "Large" });
        session.answer(&question, accepts(order)).await;
        if is_old {
            let text = session.text(1).await;
            assert!(text.starts_with("1 Large Err(NoForm("), "{text}");
            assert!(
                text.ends_with("Err(CannotBeAsked(ElicitationUrl))"),
                "{text}"
            );
            continue;
        }
        let question = session.question().await;
        let sizes = json!({ "sizes": ["Small", "Large"] });
        session.answer(&question, accepts(sizes)).await;
        let page = session.question().await;
        assert_eq!(page["params"]["mode"], "url");
        assert!(page["params"]["elicitationId"].is_string(), "{page}");
        session.answer(&page, json!({ "action": "accept" })).await;
        assert_eq!(session.text(1).await, "1 Large Ok(()) Ok(())");
    }
}

/// Elicitation was added in 2025-06-18. In older revisions, a capability of that name has another meaning.
#[tokio::test]
async fn revisions_without_questions_to_users_are_not_asked_any() {
    for transport in TRANSPORTS {
        for revision in ["2024-11-05", "2025-03-26"] {
            let mut session = Session::open(transport, revision, server(tell)).await;
            session.call(1).await;
            let outcome = session.text(1).await;
            assert_eq!(outcome, "Err(CannotBeAsked(ElicitationForm))", "{revision}");
        }
    }
}

#[tokio::test]
async fn a_panic_after_an_answer_is_masked_and_other_questions_go_on() {
    for (transport, revision) in sessions() {
        let handler = |context: Context| async move {
            let Text { text } = context.elicit("what").await?;
            assert_ne!(text, "boom", "a secret");
            Ok(text)
        };
        let mut session = Session::open(transport, revision, server(handler)).await;
        session.call(1).await;
        let first = session.question().await;
        session.call(2).await;
        let second = session.question().await;
        session.answer(&first, says("boom")).await;
        let result = session.result(1).await;
        assert_eq!(result["isError"], true);
        assert!(!result.to_string().contains("secret"), "{result}");
        session.answer(&second, says("fine")).await;
        assert_eq!(session.text(2).await, "fine");
    }
}

#[tokio::test]
async fn the_time_in_which_the_user_is_asked_does_not_count() {
    for (transport, revision) in sessions() {
        let limit = Duration::from_millis(150);
        let handler = async |context: Context| {
            let answer = text(&context, "what").await?;
            if answer == "wait" {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            Ok(answer)
        };
        let timed = tool("tool", handler).timeout(limit);
        let server = Server::new("questions", "1.0.0").with(timed);
        let mut session = Session::open(transport, revision, server).await;
        for (answer, outcome) in [
            ("go", "go"),
            ("wait", "`tool` took longer than 150 ms and was stopped"),
        ] {
            session.call(1).await;
            let question = session.question().await;
            tokio::time::sleep(limit * 2).await;
            session.answer(&question, says(answer)).await;
            assert_eq!(session.text(1).await, outcome);
        }
        session.is_well().await;
    }
}

/// A replica that numbers its questions from the same start does not accept the answer as its own.
#[tokio::test]
async fn questions_of_two_servers_have_no_id_in_common() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut session = Session::open(Transport::Streams, NOVEMBER, server(tell)).await;
        session.call(1).await;
        ids.push(session.question().await["id"].take());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn no_question_is_sent_before_the_client_is_initialized() {
    for (transport, revision) in sessions() {
        let server = server(tell);
        let mut session = Session::greeted(transport, revision, server, everything()).await;
        session.call(1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        session.is_well().await;
        session.initialized(r"notifications\/initialized").await;
        let question = session.question().await;
        session.answer(&question, says("x")).await;
        assert_eq!(session.text(1).await, "Ok(\"x\")");
    }
}

#[tokio::test]
async fn a_question_waits_for_the_client_to_be_initialized_but_not_for_ever() {
    for (transport, revision) in sessions() {
        let server = server(tell).limits(impatient());
        let mut session = Session::greeted(transport, revision, server, everything()).await;
        session.call(1).await;
        assert_eq!(session.text(1).await, "Err(TimedOut)");
    }
}

/// Two calls may have the same id, in two sessions or one after the other.
#[tokio::test]
async fn every_page_has_an_id_of_its_own() {
    let handler = |context: Context| async move {
        let page = || context.elicit_url("pay", "https://example.com");
        let (one, other) = join!(page(), page());
        Ok(format!("{one:?} {other:?}"))
    };
    let server = server(handler);
    let mut first = Session::open(Transport::Http, NOVEMBER, server).await;
    let mut second = first.another().await;
    let mut ids = BTreeSet::new();
    for session in [&mut first, &mut second] {
        for _ in 0..2 {
            session.call(1).await;
            for question in [session.question().await, session.question().await] {
                let id = question["params"]["elicitationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{id} twice");
                session.answer(&question, declines()).await;
            }
            session.text(1).await;
        }
    }
}

#[tokio::test]
async fn a_model_is_not_sent_what_sampling_does_not_know() {
    let old = ["2024-11-05", JUNE, NOVEMBER];
    for (revision, kind, is_sent) in old.into_iter().flat_map(|revision| {
        [
            (revision, "text", true),
            (revision, "image", true),
            (revision, "audio", revision != "2024-11-05"),
            (revision, "link", false),
            (revision, "resource", false),
        ]
    }) {
        let handler = move |context: Context| async move {
            let content: Content = match kind {
                "text" => "x".into(),
                "image" => Image::png([1]).into(),
                "audio" => Audio::wav([1]).into(),
                "link" => ResourceLink::new("text://x", "x").into(),
                _ => EmbeddedResource::new("text://x", ResourceContents::text("x")).into(),
            };
            let sample = context
                .sample("hello")
                .message(Message::user(content))
                .await;
            Ok(format!("{:?}", sample.map(drop)))
        };
        let mut session = Session::open(Transport::Streams, revision, server(handler)).await;
        session.call(1).await;
        if is_sent {
            assert_eq!(session.question().await["method"], "sampling/createMessage");
        } else {
            let outcome = session.text(1).await;
            assert!(
                outcome.starts_with("Err(NoForm("),
                "{revision} {kind}: {outcome}"
            );
        }
    }
}

#[tokio::test]
async fn roots_that_are_no_files_reach_no_handler() {
    let handler = |context: Context| async move {
        let roots = context.roots().await?;
        let uris: Vec<&str> = roots.iter().map(|root| root.uri.as_str()).collect();
        Ok(uris.join(" "))
    };
    let mut session = Session::open(Transport::Streams, NOVEMBER, server(handler)).await;
    session.call(1).await;
    let question = session.question().await;
    let uris = [
        "https://a.example",
        "file:///a",
        "/b",
        "FILE:///c",
        "file:/d",
    ];
    let roots = uris.map(|uri| json!({ "uri": uri }));
    session.answer(&question, json!({ "roots": roots })).await;
    assert_eq!(session.text(1).await, "file:///a FILE:///c");
}
