//! Changes at one replica, and the listeners of others.

use std::io::Write as _;

use mcp_tests::Outcome;
use mcp_tests::raw_http::Connection;
use serde_json::json;

use crate::replicas::{self, NOTE, Replica, Session, SharedStore, events_until, replicas};

const UPDATED: &str = "notifications/resources/updated";
/// The number of changes while a stream moves.
const CHANGES: usize = 300;

const TOOLS: &str = "notifications/tools/list_changed";

/// Listens to all changes in the stateless era.
fn listen(replica: &Replica) -> Outcome<Connection> {
    let wishes = json!({ "toolsListChanged": true, "resourceSubscriptions": [NOTE] });
    replicas::listen(replica, &wishes)
}

/// Counts the events that contain a text.
fn count(events: &[String], text: &str) -> usize {
    events.iter().filter(|event| event.contains(text)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_of_every_replica_and_era_are_told_once() -> Outcome<()> {
    let [one, other, third] = replicas(&SharedStore::default()).await?;
    let session = Session::open(&one)?;
    let subscribed = session.ask(
        &third,
        "resources/subscribe",
        &json!({ "uri": NOTE }).to_string(),
    )?;
    assert_eq!(subscribed.status, 200);
    // The subscription was made at another replica than the stream.
    let mut streams = [listen(&one)?, listen(&other)?, session.listen(&other)?];
    let caller = Session::open(&third)?;
    for replica in [&one, &other, &third] {
        caller.call(replica, "change")?;
        caller.call(replica, "change_tools")?;
    }
    // The last change marks the end, because all streams have the same order.
    for (index, stream) in streams.iter_mut().enumerate() {
        let mut events = Vec::new();
        while count(&events, TOOLS) < 3 {
            events.extend(events_until(stream, "notifications/")?);
        }
        assert_eq!(count(&events, TOOLS), 3, "stream {index}: {events:?}");
        assert_eq!(count(&events, UPDATED), 3, "stream {index}: {events:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_before_a_subscription_has_ended_are_told_and_later_ones_are_not() -> Outcome<()> {
    let [one, other] = replicas(&SharedStore::default()).await?;
    let session = Session::open(&one)?;
    let mut stream = session.listen(&one)?;
    let note = json!({ "uri": NOTE }).to_string();
    for round in 0..10 {
        session.ask(&other, "resources/subscribe", &note)?;
        session.call(&other, "change")?;
        session.ask(&other, "resources/unsubscribe", &note)?;
        session.call(&other, "change")?;
        session.call(&other, "change_tools")?;
        let events = events_until(&mut stream, TOOLS)?;
        assert_eq!(count(&events, UPDATED), 1, "round {round}: {events:?}");
    }
    Ok(())
}

/// A session has one stream. While it moves from one replica to the other, changes go on, and none is lost or told twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_moves_loses_nothing_and_repeats_nothing() -> Outcome<()> {
    let [one, other, third] = replicas(&SharedStore::default()).await?;
    let session = Session::open(&one)?;
    let caller = Session::open(&third)?;
    let (address, headers) = (third.address, caller.headers.clone());
    let mut streams = vec![session.listen(&one)?];
    let changes = std::thread::spawn(move || -> Result<(), String> {
        let replica_call = |connection: &mut Connection| {
            let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"change_tools"}}"#;
            connection.ask(&headers, call).map(|_| ())
        };
        let mut connection = Connection::open(address).map_err(|error| error.to_string())?;
        for _ in 0..CHANGES {
            replica_call(&mut connection).map_err(|error| error.to_string())?;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Ok(())
    });
    for replica in [&other, &one, &other, &other, &one] {
        std::thread::sleep(std::time::Duration::from_millis(100));
        streams.push(session.listen(replica)?);
    }
    changes.join().map_err(|_| "a panic")??;
    session.ask(
        &one,
        "resources/subscribe",
        &json!({ "uri": NOTE }).to_string(),
    )?;
    caller.call(&third, "change")?;
    let last = streams.len() - 1;
    let mut told = 0;
    for (index, mut stream) in streams.into_iter().enumerate() {
        let events = if index == last {
            events_until(&mut stream, UPDATED)?
        } else {
            let mut events = Vec::new();
            // All streams but the last have ended.
            loop {
                let chunk = stream.chunk()?;
                if chunk.is_empty() {
                    break events;
                }
                events.push(chunk);
            }
        };
        told += events
            .iter()
            .map(|event| event.matches(TOOLS).count())
            .sum::<usize>();
    }
    assert_eq!(told, CHANGES);
    Ok(())
}

/// The trap of the tests here: a stream that is read to its end shows what was told.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_tells_what_was_changed_before() -> Outcome<()> {
    let [one, other] = replicas(&SharedStore::default()).await?;
    let mut stream = listen(&other)?;
    let session = Session::open(&one)?;
    session.call(&one, "change")?;
    one.handle.stop().await;
    let events = events_until(&mut stream, UPDATED)?;
    assert_eq!(count(&events, UPDATED), 1);
    stream.socket().flush()?;
    Ok(())
}
