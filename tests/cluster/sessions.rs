//! Sessions whose requests reach different replicas.

use std::sync::atomic::Ordering;

use mcp_tests::Outcome;
use serde_json::Value;

use crate::replicas::{Session, SharedStore, WAITING, events_until, replicas, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_question_of_one_replica_is_answered_through_another() -> Outcome<()> {
    let [one, other] = replicas(&SharedStore::default()).await?;
    let session = Session::open(&one)?;
    // Without it, the question would wait.
    assert_eq!(session.initialized(&other)?, 202);
    for (asks, answers) in [(&one, &other), (&other, &one), (&one, &one)] {
        let mut call = session.begin(asks, 1, "greet")?;
        call.head()?;
        let events = events_until(&mut call, "elicitation/create")?;
        let question: Value = serde_json::from_str(events.last().ok_or("no question")?)?;
        let answer = serde_json::json!({
            "jsonrpc": "2.0",
            "id": question["id"],
            "result": { "action": "accept", "content": { "name": "Ada" } },
        });
        assert_eq!(session.send(answers, &answer.to_string())?.status, 202);
        events_until(&mut call, "Hello, Ada!")?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_reaches_its_replica() -> Outcome<()> {
    let [one, other] = replicas(&SharedStore::default()).await?;
    let session = Session::open(&one)?;
    session.initialized(&one)?;
    let mut call = session.begin(&one, 1, "greet")?;
    call.head()?;
    let events = events_until(&mut call, "elicitation/create")?;
    let question: Value = serde_json::from_str(events.last().ok_or("no question")?)?;
    let name = "x".repeat(200_000);
    let answer = serde_json::json!({
        "jsonrpc": "2.0",
        "id": question["id"],
        "result": { "action": "accept", "content": { "name": name } },
    });
    assert_eq!(session.send(&other, &answer.to_string())?.status, 202);
    let events = events_until(&mut call, "Hello, ")?;
    assert!(events.concat().contains(&name));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_cancelled_through_another_replica() -> Outcome<()> {
    let [one, other] = replicas(&SharedStore::default()).await?;
    let session = Session::open(&one)?;
    let mut call = session.begin(&one, 77, "wait")?;
    until(|| Ok(WAITING.load(Ordering::SeqCst) == 1))?;
    let cancel =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}"#;
    assert_eq!(session.send(&other, cancel)?.status, 202);
    until(|| Ok(WAITING.load(Ordering::SeqCst) == 0))?;
    assert_eq!(call.read()?.body, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_is_known_to_all() -> Outcome<()> {
    let store = SharedStore::default();
    let [one, other, third] = replicas(&store).await?;
    let session = Session::open(&one)?;
    // Two of them have seen the session before, and one has not.
    for replica in [&one, &other] {
        assert_eq!(session.ask(replica, "ping", "{}")?.status, 200);
    }
    let mut stream = session.listen(&other)?;
    assert_eq!(session.delete(&one)?, 204);
    for replica in [&one, &third] {
        assert_eq!(session.ask(replica, "ping", "{}")?.status, 404);
    }
    until(|| Ok(session.ask(&other, "ping", "{}")?.status == 404))?;
    while !stream.chunk()?.is_empty() {}
    // One that was started later.
    let [late] = replicas(&store).await?;
    assert_eq!(session.ask(&late, "ping", "{}")?.status, 404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_of_a_session_hold_at_every_replica() -> Outcome<()> {
    let store = SharedStore::default();
    let [one, other] = replicas(&store).await?;
    let session = Session::open(&one)?;
    let logs = |response: &str| response.contains("something");
    for replica in [&one, &other] {
        assert!(
            logs(&session.call(replica, "log")?.body),
            "the default level"
        );
    }
    session.ask(&one, "logging/setLevel", r#"{"level":"error"}"#)?;
    assert!(!logs(&session.call(&one, "log")?.body));
    until(|| Ok(!logs(&session.call(&other, "log")?.body)))?;
    // A replica that starts later reads them.
    let [late] = replicas(&store).await?;
    assert!(!logs(&session.call(&late, "log")?.body));
    session.ask(&late, "logging/setLevel", r#"{"level":"debug"}"#)?;
    until(|| Ok(logs(&session.call(&one, "log")?.body)))?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_a_session_is_shared() -> Outcome<()> {
    let [one, other] = replicas(&SharedStore::default()).await?;
    let session = Session::open(&one)?;
    for (number, replica) in [&one, &other, &other, &one].into_iter().enumerate() {
        let reply = session.call(replica, "count")?.message()?;
        let text = &reply["result"]["content"][0]["text"];
        assert_eq!(*text, (number + 1).to_string(), "{reply}");
    }
    Ok(())
}
