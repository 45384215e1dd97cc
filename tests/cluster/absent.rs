//! Replicas whose store is away.

use std::error::Error;
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_tests::Outcome;
use serde_json::json;

use crate::replicas::{NOTE, Session, SharedStore, events_until, note, replicas, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_store_goes_on_and_the_rest_is_refused() -> Outcome<()> {
    let store = SharedStore::default();
    let [one, other] = replicas(&store).await?;
    let session = Session::open(&one)?;
    session.ask(&one, "ping", "{}")?;
    store.set_away(true);
    assert_eq!(session.ask(&one, "tools/list", "{}")?.status, 200);
    assert_eq!(session.call(&one, "change")?.status, 200);
    // The other replica does not know whether the session has ended.
    let unknown = session.ask(&other, "ping", "{}")?;
    assert_eq!(unknown.status, 503, "{}", unknown.body);
    assert!(
        unknown.body.contains("the store is away"),
        "{}",
        unknown.body
    );
    let note = json!({ "uri": NOTE }).to_string();
    for (method, params) in [
        ("resources/subscribe", note.as_str()),
        ("resources/unsubscribe", &note),
        ("logging/setLevel", r#"{"level":"error"}"#),
    ] {
        let refused = session.ask(&one, method, params)?;
        assert_eq!(refused.status, 503, "{method}: {}", refused.body);
        assert!(
            refused.body.contains("try again later"),
            "{method}: {}",
            refused.body
        );
    }
    assert_eq!(session.initialized(&one)?, 202, "it is told later");
    assert_eq!(session.delete(&one)?, 503);
    assert!(session.listen(&one).is_err());
    assert_eq!(
        session.ask(&one, "ping", "{}")?.status,
        200,
        "the session has not ended"
    );
    store.set_away(false);
    assert_eq!(session.ask(&other, "ping", "{}")?.status, 200);
    assert_eq!(session.delete(&one)?, 204);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_when_the_store_is_back() -> Outcome<()> {
    let store = SharedStore::default();
    let [one, other] = replicas(&store).await?;
    let session = Session::open(&one)?;
    session.ask(
        &one,
        "resources/subscribe",
        &json!({ "uri": NOTE }).to_string(),
    )?;
    let mut streams = [session.listen(&other)?];
    store.set_away(true);
    for _ in 0..5 {
        session.call(&one, "change")?;
    }
    std::thread::sleep(Duration::from_millis(200));
    store.set_away(false);
    for stream in &mut streams {
        events_until(stream, "notifications/resources/updated")?;
    }
    until(|| Ok(session.ask(&other, "ping", "{}")?.status == 200))
}

#[tokio::test]
async fn a_server_does_not_start_without_its_store() {
    let store = SharedStore::default();
    store.set_away(true);
    let server = Server::new("replicas", "1")
        .with(components![note])
        .cluster(store);
    let error = server.start().await.err();
    let source = error.as_ref().and_then(Error::source);
    let text = source.map(ToString::to_string);
    let expected = "the store of the replicas cannot be used: the store is away";
    assert_eq!(text.as_deref(), Some(expected));
}
