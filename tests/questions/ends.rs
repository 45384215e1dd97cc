//! Questions that are never answered: the session or connection ends, or there are too many questions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mcp_runtime::prelude::*;
use mcp_runtime::{AskError, Limits};
use tokio::sync::Notify;

use super::caller::{everything, server};
use super::forms::{says, text};
use super::live::Witness;
use super::session::{NOVEMBER, Session, Transport};

/// The limit of open questions of one session.
const MOST: u32 = 256;

/// Far shorter than the time that a server waits at its end, or for an answer.
const AT_ONCE: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
struct Counts {
    /// The number of handlers that were dropped.
    dropped: Arc<AtomicU32>,
    /// The number of handlers that received the outcome of their question.
    went_on: Arc<AtomicU32>,
}

fn counting(counts: &Counts) -> Server {
    let counts = counts.clone();
    server(move |context: Context| {
        let Counts { dropped, went_on } = counts.clone();
        async move {
            let _witness = Witness(dropped);
            let outcome = text(&context, "what").await;
            went_on.fetch_add(1, Ordering::SeqCst);
            Ok(format!("{outcome:?}"))
        }
    })
}

#[tokio::test]
async fn the_open_questions_of_a_session_hold_nobody_up_and_end_with_it() {
    const CALLS: u32 = 1030;
    let counts = Counts::default();
    let mut limits = Limits::default();
    limits.requests = 100;
    let server = counting(&counts).limits(limits);
    let mut many = Session::open(Transport::Http, NOVEMBER, server).await;
    let mut stranger = many.another().await;
    let mut asked = 0;
    for id in 0..CALLS {
        many.call(id.into()).await;
        let message = many.next().await;
        if message["method"].is_string() {
            asked += 1;
        } else {
            let refusal = &message["result"]["content"][0]["text"];
            assert_eq!(refusal, "Err(TooMany)", "{message}");
        }
        many.disconnect().await;
    }
    assert_eq!(asked, MOST);

    stranger.is_well().await;
    stranger.call(1).await;
    let question = stranger.question().await;
    stranger.answer(&question, says("x")).await;
    assert_eq!(stranger.text(1).await, "Ok(\"x\")");

    let went_on = counts.went_on.load(Ordering::SeqCst);
    assert_eq!(went_on, CALLS - MOST + 1);
    let begin = Instant::now();
    many.end().await;
    while counts.dropped.load(Ordering::SeqCst) < CALLS + 1 {
        assert!(begin.elapsed() < AT_ONCE, "{:?}", counts.dropped);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(counts.went_on.load(Ordering::SeqCst), went_on);
    stranger.is_well().await;
}

#[tokio::test]
async fn a_session_can_be_asked_again_once_it_has_answered() {
    let counts = Counts::default();
    let server = counting(&counts);
    let mut session = Session::open(Transport::Streams, NOVEMBER, server).await;
    let mut questions = Vec::new();
    for id in 0..i64::from(MOST) {
        session.call(id).await;
        questions.push(session.question().await);
    }
    session.call(1000).await;
    assert_eq!(session.text(1000).await, "Err(TooMany)");
    session.answer(&questions[7], says("x")).await;
    assert_eq!(session.text(7).await, "Ok(\"x\")");
    session.call(1001).await;
    let question = session.question().await;
    session.answer(&question, says("y")).await;
    assert_eq!(session.text(1001).await, "Ok(\"y\")");
}

/// Ends the input of a session while its call waits for an answer.
async fn ends_at_once(mut session: Session) {
    let begin = Instant::now();
    session.disconnect().await;
    assert_eq!(session.text(1).await, "Err(Disconnected)");
    session.ended().await;
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn the_end_of_the_input_ends_an_open_question_at_once() {
    let server = counting(&Counts::default());
    let mut session = Session::open(Transport::Streams, NOVEMBER, server).await;
    session.call(1).await;
    session.question().await;
    ends_at_once(session).await;
}

/// The client has sent only `initialize`, so the question is not sent yet.
#[tokio::test]
async fn the_end_of_the_input_ends_a_question_that_waits_for_the_client() {
    let server = counting(&Counts::default());
    let mut session = Session::greeted(Transport::Streams, NOVEMBER, server, everything()).await;
    session.call(1).await;
    session.is_well().await;
    ends_at_once(session).await;
}

#[tokio::test]
async fn a_question_after_the_end_of_the_input_fails_at_once() {
    let go = Arc::new(Notify::new());
    let gone = Arc::clone(&go);
    let server = server(move |context: Context| {
        let gone = Arc::clone(&gone);
        async move {
            gone.notified().await;
            let error = text(&context, "what").await.unwrap_err();
            assert_eq!(error, AskError::Disconnected);
            Ok(error.to_string())
        }
    });
    let mut session = Session::open(Transport::Streams, NOVEMBER, server).await;
    session.call(1).await;
    session.is_well().await;
    let begin = Instant::now();
    session.disconnect().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    go.notify_one();
    let outcome = session.text(1).await;
    assert!(outcome.contains("the client has disconnected"), "{outcome}");
    session.ended().await;
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
}
