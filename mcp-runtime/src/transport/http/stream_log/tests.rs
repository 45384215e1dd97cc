//! Tests of the logs of streams.

use std::future::{poll_fn, ready};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::entry::{Entry, key_of};
use super::health::RETENTION;
use super::*;
use crate::defaults_page::row;
use crate::owner::{Owner, Principal};
use crate::protocol::error::RpcError;
use crate::service::{Budget, Outbound as _, Reply};
use crate::session::SessionState;
use crate::store::{LogRead, MemoryStore, Store, StoreEntry, StoreFuture};
use crate::transport::http::tests::begin;

/// A store that is away for some time, and counts the reads of logs.
#[derive(Default)]
struct Faulty {
    store: MemoryStore,
    is_away: AtomicBool,
    /// `true` if no replica seems to be alive.
    is_silent: AtomicBool,
    reads: AtomicUsize,
    /// The sizes of the entries that were appended.
    sizes: Mutex<Vec<usize>>,
}

impl Store for Faulty {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        if key.starts_with("replica-") {
            let is_alive = !self.is_silent.load(Ordering::SeqCst);
            return Box::pin(ready(Ok(is_alive.then(Vec::new))));
        }
        self.store.get(key)
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        self.store.put_if_absent(key, entry)
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        self.store.remove(key)
    }

    fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
        if self.is_away.load(Ordering::SeqCst) {
            return Box::pin(ready(Err("away".into())));
        }
        self.sizes.lock().unwrap().push(entry.value.len());
        self.store.append(log, entry)
    }

    fn read_after<'a>(
        &'a self,
        log: &'a str,
        after: u64,
        wait: Duration,
    ) -> StoreFuture<'a, LogRead> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.store.read_after(log, after, wait)
    }

    fn last_position<'a>(&'a self, log: &'a str) -> StoreFuture<'a, u64> {
        self.store.last_position(log)
    }
}

/// Two replicas that share a store, and a stream of a call at the first one.
struct Pair {
    store: Arc<Faulty>,
    first: StreamLog,
    second: StreamLog,
    session: Session,
    events: Arc<EventStream>,
    name: String,
}

fn replica(store: &Arc<Faulty>) -> StreamLog {
    let cluster = Cluster::new(Arc::clone(store) as Arc<dyn Store>, 0).expect("random bytes");
    StreamLog::new(cluster, watch::Sender::new(false), Duration::from_secs(10))
}

impl Pair {
    fn new() -> Self {
        let store = Arc::new(Faulty::default());
        let (first, second) = (replica(&store), replica(&store));
        let (session, events) = (begin(), stream());
        let name = format!("{}-0", first.replica());
        events.set_name(name.clone());
        Self {
            store,
            first,
            second,
            session,
            events,
            name,
        }
    }

    /// Writes the log of the stream from now on.
    fn write(&self) {
        self.write_as(StreamKind::Answer(Some(Id::Number(7))));
    }

    fn write_as(&self, kind: StreamKind) {
        self.first
            .write(&self.name, &self.session, &self.events, kind);
    }

    fn set_away(&self, is_away: bool) {
        self.store.is_away.store(is_away, Ordering::SeqCst);
    }

    async fn append(&self, entry: Entry) {
        self.append_about(entry, &About::Batch).await;
    }

    async fn append_about(&self, entry: Entry, about: &About) {
        let text = Owned::by(&self.session).write(&entry, about);
        let entry = StoreEntry::new(text.as_bytes(), RETENTION);
        let appended = self.store.append(&log_of(&self.name), entry).await;
        assert!(appended.is_ok());
    }

    /// Resumes the stream at the second replica after an event.
    async fn resume(&self, after: u64) -> Option<Follower> {
        match self.resumed(after).await {
            Resumed::Rest(follower) => Some(follower),
            Resumed::New(_) => None,
        }
    }

    async fn resumed(&self, after: u64) -> Resumed<Follower> {
        let id = format!("{}-{after}", self.name);
        let resumed = self.second.resume(&self.session, &id, Held::default());
        resumed.await.expect("the store can be read")
    }

    /// Returns what a new GET stream begins with, instead of the stream after an event.
    async fn missed(&self, after: u64) -> Missed {
        match self.resumed(after).await {
            Resumed::Rest(_) => panic!("the stream continues"),
            Resumed::New(missed) => missed,
        }
    }
}

fn stream() -> Arc<EventStream> {
    EventStream::of_session(&begin(), Held::default(), Held::default())
}

async fn chunk(follower: &mut Follower) -> Option<String> {
    let bytes = poll_fn(|context| follower.poll(context)).await?;
    Some(String::from_utf8(bytes.to_vec()).expect("text"))
}

/// Returns the numbers of the events of a stream until its end.
async fn numbers(mut follower: Follower) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(text) = chunk(&mut follower).await {
        let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
        numbers.extend(ids.map(|id| {
            id.rsplit_once('-')
                .expect("an id")
                .1
                .parse::<u64>()
                .expect("a number")
        }));
    }
    numbers
}

fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_stream_can_be_resumed_as_long_as_it_exists_and_for_a_while_after() {
    let row = row("replica-resume-time");
    row.says("a new one begins");
    let pair = Pair::new();
    pair.write();
    for _ in 0..20 {
        tokio::time::sleep(RETENTION / 5).await;
        assert!(pair.resume(0).await.is_some());
    }
    pair.events.send("1".to_owned());
    let follower = pair.resume(0).await.expect("a stream");
    pair.events.finish(None);
    assert_eq!(numbers(follower).await, [1]);
    tokio::time::sleep(row.time().saturating_sub(SECOND)).await;
    assert_eq!(tasks(), 0, "the writer ends with its stream");
    assert!(pair.resume(0).await.is_some());
    tokio::time::sleep(2 * SECOND).await;
    assert!(pair.resume(0).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_follower_of_a_replica_that_died_ends() {
    let pair = Pair::new();
    pair.append(Entry::Events(1, vec!["1".to_owned()])).await;
    let follower = pair.resume(0).await.expect("a stream");
    let begin = tokio::time::Instant::now();
    assert_eq!(numbers(follower).await, [1]);
    assert!(begin.elapsed() < RETENTION + 30 * SECOND);
    assert!(pair.resume(1).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn entries_are_bounded_and_large_events_are_values() {
    let pair = Pair::new();
    pair.write();
    for bytes in [1, 10, entry::INLINE_BYTES, entry::INLINE_BYTES + 1, 1 << 20] {
        for _ in 0..3 {
            assert!(pair.events.send("x".repeat(bytes)));
        }
    }
    pair.events.finish(None);
    let follower = pair.resume(0).await;
    assert!(follower.is_none(), "nothing is written yet");
    tokio::time::sleep(SECOND).await;
    let follower = pair.resume(0).await.expect("a stream");
    assert_eq!(numbers(follower).await, (1..=15).collect::<Vec<_>>());
    // Six small events share an entry; three fill one each; six are values; and there is the end.
    let sizes = pair.store.sizes.lock().unwrap().clone();
    assert_eq!(sizes.len(), 11, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size < entry::INLINE_BYTES + 200));
    let large = key_of(&log_of(&pair.name), 15);
    assert!(large.is_ascii() && large.len() <= 100);
    assert_eq!(
        pair.store
            .get(&large)
            .await
            .unwrap()
            .map(|value| value.len()),
        Some(1 << 20)
    );
}

#[tokio::test(start_paused = true)]
async fn a_writer_tries_again_until_the_entries_before_have_expired() {
    let pair = Pair::new();
    pair.set_away(true);
    pair.write();
    pair.events.send("1".to_owned());
    tokio::time::sleep(RETENTION.saturating_sub(10 * SECOND)).await;
    assert_eq!(tasks(), 1);
    pair.set_away(false);
    tokio::time::sleep(6 * SECOND).await;
    pair.events.finish(None);
    tokio::time::sleep(SECOND).await;
    assert_eq!(numbers(pair.resume(0).await.expect("a stream")).await, [1]);

    let pair = Pair::new();
    pair.set_away(true);
    pair.write();
    tokio::time::sleep(RETENTION + SECOND).await;
    assert_eq!(tasks(), 0, "it gives up");
    pair.set_away(false);
    pair.events.send("1".to_owned());
    tokio::time::sleep(SECOND).await;
    assert!(pair.resume(0).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_events_that_were_lost_cannot_be_resumed() {
    let row = row("unwritten-event-bytes");
    row.says("no other replica resumes");
    let part = row.number() / 4;
    for (parts, is_resumed) in [(4, true), (6, false)] {
        let pair = Pair::new();
        pair.set_away(true);
        pair.write();
        tokio::time::sleep(SECOND).await;
        let mut reader = pair.events.read(None);
        for _ in 0..parts {
            assert!(pair.events.send("x".repeat(part)));
            let sent = poll_fn(|context| reader.poll(context)).await;
            assert!(sent.is_some(), "the reader does not wait for the store");
        }
        pair.set_away(false);
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(pair.resume(0).await.is_some(), is_resumed, "{parts}");
        assert!(
            pair.events.send("2".to_owned()),
            "the stream itself goes on"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn missing_and_repeated_entries_are_noticed() {
    let events = |first: u64, last: u64| {
        Entry::Events(first, (first..=last).map(|it| it.to_string()).collect())
    };
    // The entries, the event after which the stream is resumed, and the events that are sent, if any.
    let table = vec![
        (
            vec![events(1, 3), events(1, 3), events(4, 5), Entry::End(5)],
            1,
            Some(vec![2, 3, 4, 5]),
        ),
        (
            vec![events(1, 2), events(4, 5), Entry::End(5)],
            0,
            Some(vec![1, 2]),
        ),
        (vec![events(1, 2), events(4, 5), Entry::End(5)], 2, None),
        (vec![events(4, 5), Entry::End(5)], 3, Some(vec![4, 5])),
        (vec![events(4, 5), Entry::End(5)], 2, None),
        (vec![Entry::Alive(7), Entry::End(8)], 6, None),
        (vec![Entry::Alive(7), Entry::End(8)], 7, None),
        (vec![Entry::Alive(7), Entry::End(8)], 8, Some(vec![])),
        (
            vec![events(1, 2), Entry::Value(3), Entry::End(3)],
            0,
            Some(vec![1, 2]),
        ),
        (vec![events(1, 2), Entry::Gone(2)], 0, None),
        (vec![events(1, 2), Entry::End(2)], u64::MAX, Some(vec![])),
        (vec![], 0, None),
    ];
    for (row, (entries, after, expected)) in table.into_iter().enumerate() {
        let pair = Pair::new();
        for entry in entries {
            pair.append(entry).await;
        }
        let sent = match pair.resume(after).await {
            Some(follower) => Some(numbers(follower).await),
            None => None,
        };
        assert_eq!(sent, expected, "row {row}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_session_and_principal_of_a_stream_resume_it() {
    let mut pair = Pair::new();
    pair.append(Entry::Events(1, vec!["1".to_owned()])).await;
    assert!(pair.resume(0).await.is_some());
    let owner = Arc::clone(&pair.session);
    pair.session = begin();
    assert!(pair.resume(0).await.is_none());
    pair.session = Arc::new(SessionState {
        principal: Some(Principal::new("eve")),
        ..(*owner).clone()
    });
    assert!(pair.resume(0).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_log_is_read_as_fast_as_the_client_reads() {
    let pair = Pair::new();
    pair.write();
    let event = "x".repeat(entry::INLINE_BYTES);
    for number in 0..1000 {
        assert!(pair.events.send(event.clone()), "{number}");
        tokio::time::sleep(Duration::from_millis(1)).await;
        pair.events.resume(u64::MAX);
    }
    let mut follower = pair.resume(0).await.expect("a stream");
    let reads = || pair.store.reads.load(Ordering::SeqCst);
    let before = reads();
    assert!(chunk(&mut follower).await.is_some());
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(reads(), before, "the first part is not sent yet");
    pair.events.finish(None);
    tokio::time::sleep(SECOND).await;
    assert_eq!(numbers(follower).await.last(), Some(&1000));
    assert!((3..6).contains(&(reads() - before)));
}

#[tokio::test(start_paused = true)]
async fn what_was_read_counts_as_unsent() {
    let pair = Pair::new();
    let event = "x".repeat(entry::INLINE_BYTES);
    for number in 1..=40 {
        pair.append(Entry::Events(number, vec![event.clone()]))
            .await;
    }
    let budget = Budget::new(1 << 20);
    let id = format!("{}-0", pair.name);
    let resume = || {
        let held = budget.held_by(Owner::Session([1; 16]));
        pair.second.resume(&pair.session, &id, held)
    };
    let others: Vec<_> = (0..32)
        .map_while(|_| {
            let mut held = budget.held_by(Owner::Session([2; 16]));
            held.add(100_000).then_some(held)
        })
        .collect();
    assert!(!others.is_empty());
    assert!(resume().await.is_err(), "too many bytes");
    drop(others);
    assert!(matches!(resume().await, Ok(Resumed::Rest(_))));
}

#[tokio::test(start_paused = true)]
async fn a_stopping_server_waits_for_the_writers_within_its_grace_period() {
    for is_away in [false, true] {
        let pair = Pair::new();
        pair.set_away(is_away);
        pair.write();
        pair.events.send("1".to_owned());
        pair.first.stopping.send_replace(true);
        pair.events.finish(None);
        let begin = tokio::time::Instant::now();
        pair.first.stopping.closed().await;
        let grace = if is_away {
            pair.first.grace
        } else {
            Duration::ZERO
        };
        assert!(begin.elapsed() >= grace && begin.elapsed() <= grace + SECOND);
        assert_eq!(pair.resume(0).await.is_some(), !is_away);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_elsewhere_or_the_shutdown_ends_a_follower() {
    let pair = Pair::new();
    pair.append(Entry::Alive(0)).await;
    let mut first = pair.resume(0).await.expect("a stream");
    let mut second = pair.resume(0).await.expect("a stream");
    assert_eq!(chunk(&mut first).await, None);
    drop(first);
    pair.second.leave(&pair.name);
    assert_eq!(chunk(&mut second).await, None);
    let mut third = pair.resume(0).await.expect("a stream");
    pair.second.stopping.send_replace(true);
    assert_eq!(chunk(&mut third).await, None);
    drop((second, third));
    assert_eq!(pair.second.followers.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_is_an_error_of_the_request() {
    struct Away;
    impl Store for Away {
        fn get<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
            Box::pin(std::future::pending())
        }

        fn put_if_absent<'a>(&'a self, _: &'a str, _: StoreEntry<'a>) -> StoreFuture<'a, bool> {
            Box::pin(std::future::pending())
        }

        fn remove<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> {
            Box::pin(std::future::pending())
        }

        fn last_position<'a>(&'a self, _: &'a str) -> StoreFuture<'a, u64> {
            Box::pin(std::future::pending())
        }
    }
    let cluster = Cluster::new(Arc::new(Away), 0).expect("random bytes");
    let log = StreamLog::new(cluster, watch::Sender::new(false), SECOND);
    let id = "0123456789abcdef-0-0";
    let refused = log.resume(&begin(), id, Held::default()).await;
    let RpcError { class, .. } = refused.expect_err("the store hangs");
    assert_eq!(class, crate::protocol::error::Class::Overloaded);
}

/// The log is that of a replica that was killed: it has no end.
#[tokio::test(start_paused = true)]
async fn the_request_of_a_replica_that_is_gone_is_answered() {
    let pair = Pair::new();
    pair.write();
    pair.events.send("1".to_owned());
    tokio::time::sleep(SECOND).await;
    let mut follower = pair.resume(0).await.expect("a log");
    assert!(
        chunk(&mut follower)
            .await
            .is_some_and(|text| text.contains("data: 1\n"))
    );
    pair.store.is_silent.store(true, Ordering::SeqCst);
    let begin = tokio::time::Instant::now();
    let answer = chunk(&mut follower).await.expect("an answer");
    assert!(answer.contains(r#""id":7,"error""#), "{answer}");
    assert!(answer.contains("its outcome is unknown"), "{answer}");
    assert!(
        answer.starts_with(&format!("id: {}-2\n", pair.name)),
        "{answer}"
    );
    assert!(begin.elapsed() < 9 * SECOND, "{:?}", begin.elapsed());
    assert_eq!(chunk(&mut follower).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_silent_for_a_moment_is_not_gone() {
    let pair = Pair::new();
    pair.write();
    pair.events.send("1".to_owned());
    tokio::time::sleep(SECOND).await;
    let mut follower = pair.resume(1).await.expect("a log");
    for _ in 0..5 {
        pair.store.is_silent.store(true, Ordering::SeqCst);
        let next = tokio::time::timeout(5 * SECOND, chunk(&mut follower)).await;
        assert!(next.is_err(), "{next:?}");
        pair.store.is_silent.store(false, Ordering::SeqCst);
        let next = tokio::time::timeout(6 * SECOND, chunk(&mut follower)).await;
        assert!(next.is_err(), "{next:?}");
    }
    pair.events.finish(Some(Reply::new("2".to_owned())));
    assert_eq!(numbers(follower).await, [2]);
}

#[tokio::test(start_paused = true)]
async fn a_get_stream_goes_on_as_a_new_one() {
    let large = "2".repeat(entry::INLINE_BYTES + 1);
    for has_ended in [false, true] {
        let pair = Pair::new();
        pair.write_as(StreamKind::Get);
        pair.events.send("1".to_owned());
        pair.events.send(large.clone());
        if has_ended {
            pair.events.finish(None);
        }
        tokio::time::sleep(SECOND).await;
        for (after, rest) in [(0, vec!["1", &large]), (1, vec![&large]), (2, vec![])] {
            let missed = pair.missed(after).await;
            assert_eq!(missed.messages, rest, "{after}");
            assert_eq!(missed.changes, Changes::Since(0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_get_stream_begins_with_the_changes_after_the_one_before() {
    let at = About::Changes;
    let one = || Entry::Events(1, vec!["1".to_owned()]);
    // The entries, the event that the client had last, and what it has missed.
    let table = [
        (vec![], 0, Changes::Nothing),
        (vec![(one(), at(3))], 1, Changes::Since(3)),
        (
            vec![(one(), at(3)), (Entry::Alive(1), at(9))],
            1,
            Changes::Since(9),
        ),
        (
            vec![(one(), at(3)), (Entry::End(1), at(4))],
            1,
            Changes::Since(4),
        ),
        // An event that is not in the log was sent.
        (vec![(one(), at(3))], 2, Changes::Since(3)),
        // Events of the log are missing.
        (vec![(Entry::Alive(2), at(3))], 1, Changes::Anything),
        (
            vec![(one(), at(3)), (Entry::Gone(1), at(3))],
            1,
            Changes::Anything,
        ),
        // A stream that has changes is known by its entries.
        (vec![(Entry::Gone(1), About::Batch)], 1, Changes::Nothing),
        (
            vec![(Entry::Gone(1), About::Request("7".to_owned()))],
            1,
            Changes::Nothing,
        ),
    ];
    for (row, (entries, after, expected)) in table.into_iter().enumerate() {
        let pair = Pair::new();
        for (entry, about) in entries {
            pair.append_about(entry, &about).await;
        }
        let missed = pair.missed(after).await;
        assert_eq!(missed.changes, expected, "row {row}");
        assert!(missed.messages.is_empty(), "row {row}");
    }
}
