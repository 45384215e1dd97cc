//! Tests of the table of streams.

use super::*;
use crate::service::{Held, Limits};
use crate::transport::http::tests::{Fake, begin};

const SECOND: Duration = Duration::from_secs(1);
const SOON: Duration = RETENTION.saturating_sub(SECOND);

fn streams() -> Streams {
    let mut streams = Streams::new(None);
    "p".clone_into(&mut streams.process);
    streams
}

/// Returns a stream with one unread event.
fn events(event: &str) -> Arc<EventStream> {
    let events = EventStream::of_session(&begin(), Held::default(), Held::default());
    events.send(event.to_owned());
    events
}

/// Removes expired streams, as the addition of a stream does.
fn evict(streams: &Streams) {
    streams.table().evict();
}

fn is_kept(streams: &Streams, session: &Session, number: u64) -> bool {
    let table = streams.table();
    let stream = table.all.get(&number);
    stream.is_some_and(|stream| stream.session == session.nonce)
}

fn fake(listeners: usize) -> Arc<Fake> {
    Fake::new(Limits {
        listeners,
        ..Limits::default()
    })
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_forgotten_when_nobody_has_read_it_for_a_while() {
    let (streams, session) = (streams(), begin());
    let (ended, running, read) = (events("1"), events("2"), events("3"));
    for events in [&ended, &running, &read] {
        streams.keep(&session, Owner::Local, events, None);
        drop(events.read(None));
    }
    let reader = read.read(None);
    ended.finish(None);
    read.finish(None);
    tokio::time::sleep(SOON).await;
    assert_eq!(streams.table().all.len(), 3);
    tokio::time::sleep(2 * SECOND).await;
    assert!(!is_kept(&streams, &session, 0), "the stream has ended");
    assert!(is_kept(&streams, &session, 1), "its call still runs");
    assert!(is_kept(&streams, &session, 2), "the stream is being read");
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_replaced_leaves_the_stream_to_the_other() {
    let (streams, session, events) = (streams(), begin(), events("1"));
    streams.keep(&session, Owner::Local, &events, None);
    let first = events.read(None);
    let second = events.read(None);
    drop(first);
    events.finish(None);
    tokio::time::sleep(2 * RETENTION).await;
    assert!(is_kept(&streams, &session, 0));
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_where_there_is_no_stream_to_look_at() {
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let (streams, fake) = (streams(), fake(9));
    for _ in 0..2 {
        assert_eq!(tasks(), 0);
        for _ in 0..2 {
            drop(
                streams
                    .open_get_stream(&*fake, &begin(), &Origin::default())
                    .expect("capacity"),
            );
            tokio::time::sleep(SECOND).await;
            assert_eq!(tasks(), 1);
        }
        tokio::time::sleep(RETENTION).await;
        assert!(streams.table().all.is_empty());
    }
    let reader = streams.open_get_stream(&*fake, &begin(), &Origin::default());
    assert_eq!(tasks(), 1);
    drop(streams);
    tokio::task::yield_now().await;
    assert_eq!(tasks(), 0, "the task ends with the endpoint");
    drop(reader);
}

#[test]
fn streams_are_looked_at_though_the_runtime_of_the_first_is_gone() {
    let (streams, fake) = (streams(), fake(9));
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            drop(
                streams
                    .open_get_stream(&*fake, &begin(), &Origin::default())
                    .expect("capacity"),
            );
            assert_eq!(runtime.metrics().num_alive_tasks(), 1);
        });
    }
}

#[tokio::test]
async fn so_many_streams_that_have_ended_are_kept() {
    let (streams, session) = (streams(), begin());
    for _ in 0..MAX_ENDED + 2 {
        let events = events("1");
        events.finish(None);
        streams.keep(&session, Owner::Local, &events, None);
    }
    evict(&streams);
    assert!(!is_kept(&streams, &session, 1));
    assert!(is_kept(&streams, &session, 2));
    assert_eq!(streams.table().all.len(), MAX_ENDED);
}

#[tokio::test]
async fn the_account_with_the_most_ended_streams_loses_its_oldest() {
    let (streams, session) = (streams(), begin());
    let keep = |account: u8, event: &str| {
        let events = events(event);
        events.finish(None);
        streams.keep(&session, Owner::Session([account; 16]), &events, None);
    };
    keep(1, "1");
    for _ in 0..MAX_ENDED {
        keep(2, "1");
    }
    evict(&streams);
    assert!(
        is_kept(&streams, &session, 0),
        "the only one of its account"
    );
    assert!(!is_kept(&streams, &session, 1));
    assert!(is_kept(&streams, &session, 2));
    // The account with the most bytes is another.
    for _ in 0..5 {
        keep(3, &"x".repeat(MAX_ENDED_BYTES / 4));
    }
    evict(&streams);
    let table = streams.table();
    let of = |account: u8| {
        let of = |it: &&KeptStream| it.account == Owner::Session([account; 16]);
        table.all.values().filter(of).count()
    };
    assert_eq!((of(1), of(3)), (1, 3));
}

#[tokio::test]
async fn so_many_bytes_of_what_has_ended_are_kept() {
    let (streams, session) = (streams(), begin());
    let event = "x".repeat(MAX_ENDED_BYTES / 4);
    for _ in 0..6 {
        let events = events(&event);
        events.finish(None);
        streams.keep(&session, Owner::Local, &events, None);
    }
    // Streams that have not ended do not count.
    streams.keep(&session, Owner::Local, &events(&event), None);
    evict(&streams);
    assert!(!is_kept(&streams, &session, 1));
    assert!(is_kept(&streams, &session, 2));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_stays_away_is_told_of_nothing_more() {
    let (streams, session, fake) = (streams(), begin(), fake(1));
    drop(
        streams
            .open_get_stream(&*fake, &session, &Origin::default())
            .expect("capacity"),
    );
    let listener = fake.listener.lock().unwrap().clone().expect("a listener");
    tokio::time::sleep(SOON).await;
    assert!(listener.send("1".to_owned()));
    tokio::time::sleep(2 * SECOND).await;
    assert!(!listener.send("2".to_owned()));
    assert!(!is_kept(&streams, &session, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_away_for_longest_makes_room_and_nobody_else() {
    let (streams, fake) = (streams(), fake(2));
    let sessions: Vec<Session> = (0..4).map(|_| begin()).collect();
    let open =
        |number: usize| streams.open_get_stream(&*fake, &sessions[number], &Origin::default());
    let first = open(0).expect("capacity");
    let second = open(1).expect("capacity");
    drop(second);
    tokio::time::advance(SECOND).await;
    drop(first);
    tokio::time::advance(SECOND).await;
    let third = open(2).expect("the capacity of the second");
    assert!(is_kept(&streams, &sessions[0], 0));
    assert!(!is_kept(&streams, &sessions[1], 1));
    drop(streams.resume(&sessions[0], "p-0-0"));
    let fourth = open(3);
    assert!(fourth.is_err(), "no client has been away for any time");
    tokio::time::advance(SECOND).await;
    assert!(open(3).is_ok(), "the first was away");
    drop(third);
}

#[tokio::test]
async fn what_a_session_leaves_behind_is_forgotten_with_it() {
    let streams = streams();
    let (gone, other) = (begin(), begin());
    streams.keep(&gone, Owner::Local, &events("1"), None);
    streams.keep(&other, Owner::Local, &events("2"), None);
    streams.forget(&gone);
    assert!(!is_kept(&streams, &gone, 0));
    assert!(is_kept(&streams, &other, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_read_elsewhere_loses_its_reader_and_is_kept() {
    let (streams, session, fake) = (streams(), begin(), fake(9));
    let reader = streams.open_get_stream(&*fake, &session, &Origin::default());
    for _ in 0..3 {
        tokio::time::sleep(SOON).await;
        streams.leave("p-0");
        assert!(is_kept(&streams, &session, 0));
    }
    let idle = || {
        let table = streams.table();
        table
            .all
            .get(&0)
            .and_then(|stream| stream.events.idle_since())
    };
    assert_eq!(idle(), Some(Instant::now()));
    drop(reader);
    for other in ["p-1", "q-0", "p", "p-x", ""] {
        tokio::time::advance(SECOND).await;
        streams.leave(other);
        assert_eq!(idle(), Some(Instant::now() - SECOND), "{other}");
        streams.leave("p-0");
    }
    tokio::time::sleep(RETENTION + SECOND).await;
    assert!(!is_kept(&streams, &session, 0));
}

#[tokio::test]
async fn only_the_get_stream_of_the_session_is_closed() {
    let (streams, fake) = (streams(), fake(9));
    let (session, other) = (begin(), begin());
    streams.keep(&session, Owner::Local, &events("1"), None);
    let open = |session| streams.open_get_stream(&*fake, session, &Origin::default());
    let (closed, kept) = (open(&session), open(&other));
    assert!(closed.is_ok() && kept.is_ok());
    streams.close_get_stream(session.nonce);
    assert!(is_kept(&streams, &session, 0), "the stream of a call");
    assert!(!is_kept(&streams, &session, 1));
    assert!(is_kept(&streams, &other, 2));
}
