//! The streams of sessions: found again by the id of an event, and one for each session that asks for it with GET.
//!
//! What is here is memory: bounded, and lost at a restart. One task looks after it while there are streams.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::event_stream::{EventStream, StreamReader};
use crate::service::{Listening, Outbound, Service};
use crate::session::Session;
use crate::sync::{Mutex, MutexGuard};

/// How long a stream that nobody reads is kept.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// How many streams that have ended are kept, and how many bytes of them.
const ENDED: usize = 256;
const ENDED_BYTES: usize = 64 << 20;

/// All streams that a client may come back to.
pub(super) struct Streams {
    /// Tells the ids of this process from those of others.
    process: String,
    table: Arc<Mutex<StreamTable>>,
}

#[derive(Default)]
struct StreamTable {
    next: u64,
    /// By the numbers in their names, so the oldest is first.
    all: BTreeMap<u64, KeptStream>,
    /// The task that ends streams in time; `None` while there are none.
    watcher: Option<AbortHandle>,
}

struct KeptStream {
    session: [u8; 16],
    events: Arc<EventStream>,
    get_stream: Option<GetStream>,
}

/// What makes a stream one that was asked for with GET, and ends it: it would never end by itself.
struct GetStream {
    events: Arc<EventStream>,
    _listening: Listening,
}

impl Drop for GetStream {
    fn drop(&mut self) {
        self.events.finish(None);
    }
}

impl Streams {
    /// `process` is a text without `-` that no other process has.
    pub(super) fn new(process: String) -> Self {
        Self {
            process,
            table: Arc::default(),
        }
    }

    /// Keeps the stream of a call, and names it.
    pub(super) fn keep(&self, session: &Session, events: &Arc<EventStream>) {
        self.add(&mut self.table(), session, events, None);
    }

    fn add(
        &self,
        table: &mut StreamTable,
        session: &Session,
        events: &Arc<EventStream>,
        get_stream: Option<GetStream>,
    ) {
        table.tidy();
        let number = table.next;
        table.next += 1;
        events.call(format!("{}-{number}", self.process));
        let stream = KeptStream {
            session: session.nonce,
            events: Arc::clone(events),
            get_stream,
        };
        table.all.insert(number, stream);
        // The runtime of a task may end before the endpoint does, and the task with it.
        if table.watcher.as_ref().is_none_or(AbortHandle::is_finished) {
            let watching = tokio::spawn(watch(Arc::downgrade(&self.table)));
            table.watcher = Some(watching.abort_handle());
        }
    }

    /// What comes after the event with this id; `None` if its stream is not, or no longer, known to this session.
    pub(super) fn resume(&self, session: &Session, last_event: &str) -> Option<StreamReader> {
        let (stream, event) = last_event.rsplit_once('-')?;
        let (process, number) = stream.split_once('-')?;
        let event = event.parse().ok()?;
        let number: u64 = number.parse().ok()?;
        let table = self.table();
        let stream = table.all.get(&number)?;
        let known = process == self.process && stream.session == session.nonce;
        known.then(|| stream.events.resume(event))
    }

    /// Opens the stream of a session for what belongs to none of its requests. The one before it ends: no message may
    /// go out on two. `None` if there is no room.
    pub(super) fn stand(&self, service: &dyn Service, session: &Session) -> Option<StreamReader> {
        let mut table = self.table();
        table.tidy();
        let is_earlier =
            |stream: &KeptStream| stream.get_stream.is_some() && stream.session == session.nonce;
        table.all.retain(|_, stream| !is_earlier(stream));
        let events = EventStream::of(session);
        let outbound = Arc::clone(&events) as Arc<dyn Outbound>;
        let listening = service.listen(session, Arc::clone(&outbound)).or_else(|| {
            table.end_one_that_nobody_reads();
            service.listen(session, outbound)
        })?;
        let get_stream = GetStream {
            events: Arc::clone(&events),
            _listening: listening,
        };
        self.add(&mut table, session, &events, Some(get_stream));
        Some(events.read(None))
    }

    /// Forgets the streams of a session that is over.
    pub(super) fn forget(&self, session: &Session) {
        let mut table = self.table();
        table
            .all
            .retain(|_, stream| stream.session != session.nonce);
    }

    /// Ends the streams that would never end by themselves.
    pub(super) fn close(&self) {
        for stream in self.table().all.values_mut() {
            stream.get_stream = None;
        }
    }

    fn table(&self) -> MutexGuard<'_, StreamTable> {
        self.table.lock()
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        if let Some(watcher) = self.table().watcher.take() {
            watcher.abort();
        }
    }
}

/// Forgets streams in time, until there are none.
async fn watch(table: Weak<Mutex<StreamTable>>) {
    while let Some(next) = table.upgrade().and_then(|table| table.lock().look()) {
        tokio::time::sleep_until(next).await;
    }
}

impl StreamTable {
    /// Makes room: the stream goes whose client has been away for longest.
    fn end_one_that_nobody_reads(&mut self) {
        let get_stream = self
            .all
            .iter()
            .filter(|(_, stream)| stream.get_stream.is_some());
        let longest = get_stream
            .filter_map(|(number, stream)| Some((stream.events.idle_since()?, *number)))
            .min();
        if let Some((_, number)) = longest.filter(|(since, _)| *since < Instant::now()) {
            self.all.remove(&number);
        }
    }

    /// Forgets what is due and returns when to look again; `None` if there is no stream left.
    fn look(&mut self) -> Option<Instant> {
        self.tidy();
        if self.all.is_empty() {
            self.watcher = None;
            return None;
        }
        let now = Instant::now();
        let idle = self
            .all
            .values()
            .filter_map(|stream| stream.events.idle_since());
        // A client that leaves later is due later.
        let due = idle.map(|since| since + KEPT).filter(|due| *due > now);
        due.chain([now + KEPT]).min()
    }

    /// Forgets what is too old, and the oldest of what is too much.
    fn tidy(&mut self) {
        let now = Instant::now();
        let mut ended = 0;
        let mut bytes = 0;
        let mut spent = Vec::new();
        // From the newest to the oldest.
        for (number, stream) in self.all.iter().rev() {
            let is_due = || {
                stream
                    .events
                    .idle_since()
                    .is_some_and(|since| since + KEPT <= now)
            };
            let is_spent = match stream.events.leftover() {
                Some(leftover) => {
                    ended += 1;
                    bytes += leftover;
                    ended > ENDED || bytes > ENDED_BYTES || is_due()
                }
                None => stream.get_stream.is_some() && is_due(),
            };
            if is_spent {
                spent.push(*number);
            }
        }
        for number in spent {
            self.all.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Fake, begin};
    use super::*;
    use crate::service::Limits;

    const SECOND: Duration = Duration::from_secs(1);
    const SOON: Duration = KEPT.saturating_sub(SECOND);

    fn streams() -> Streams {
        Streams::new("p".to_owned())
    }

    /// A stream with one event that nobody has read.
    fn events(event: &str) -> Arc<EventStream> {
        let events = EventStream::of(&begin());
        events.send(event.to_owned());
        events
    }

    /// Looks at what can be forgotten, as each new stream does.
    fn tidy(streams: &Streams) {
        streams.table().tidy();
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
            streams.keep(&session, events);
            drop(events.read(None));
        }
        let reader = read.read(None);
        ended.finish(None);
        read.finish(None);
        tokio::time::sleep(SOON).await;
        assert_eq!(streams.table().all.len(), 3);
        tokio::time::sleep(2 * SECOND).await;
        assert!(!is_kept(&streams, &session, 0), "it has ended");
        assert!(is_kept(&streams, &session, 1), "its call goes on");
        assert!(is_kept(&streams, &session, 2), "it is being read");
        drop(reader);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_was_replaced_leaves_the_stream_to_the_other() {
        let (streams, session, events) = (streams(), begin(), events("1"));
        streams.keep(&session, &events);
        let first = events.read(None);
        let second = events.read(None);
        drop(first);
        events.finish(None);
        tokio::time::sleep(2 * KEPT).await;
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
                drop(streams.stand(&*fake, &begin()).expect("room"));
                tokio::time::sleep(SECOND).await;
                assert_eq!(tasks(), 1);
            }
            tokio::time::sleep(KEPT).await;
            assert!(streams.table().all.is_empty());
        }
        let reader = streams.stand(&*fake, &begin());
        assert_eq!(tasks(), 1);
        drop(streams);
        tokio::task::yield_now().await;
        assert_eq!(tasks(), 0, "it ends with the endpoint");
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
                drop(streams.stand(&*fake, &begin()).expect("room"));
                assert_eq!(runtime.metrics().num_alive_tasks(), 1);
            });
        }
    }

    #[tokio::test]
    async fn so_many_streams_that_have_ended_are_kept() {
        let (streams, session) = (streams(), begin());
        for _ in 0..ENDED + 2 {
            let events = events("1");
            events.finish(None);
            streams.keep(&session, &events);
        }
        tidy(&streams);
        assert!(!is_kept(&streams, &session, 1));
        assert!(is_kept(&streams, &session, 2));
        assert_eq!(streams.table().all.len(), ENDED);
    }

    #[tokio::test]
    async fn so_many_bytes_of_what_has_ended_are_kept() {
        let (streams, session) = (streams(), begin());
        let event = "x".repeat(ENDED_BYTES / 4);
        for _ in 0..6 {
            let events = events(&event);
            events.finish(None);
            streams.keep(&session, &events);
        }
        // What has not ended does not count.
        streams.keep(&session, &events(&event));
        tidy(&streams);
        assert!(!is_kept(&streams, &session, 1));
        assert!(is_kept(&streams, &session, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_stays_away_is_told_of_nothing_more() {
        let (streams, session, fake) = (streams(), begin(), fake(1));
        drop(streams.stand(&*fake, &session).expect("room"));
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
        let stand = |number: usize| streams.stand(&*fake, &sessions[number]);
        let first = stand(0).expect("room");
        let second = stand(1).expect("room");
        drop(second);
        tokio::time::advance(SECOND).await;
        drop(first);
        tokio::time::advance(SECOND).await;
        let third = stand(2).expect("the room of the second");
        assert!(is_kept(&streams, &sessions[0], 0));
        assert!(!is_kept(&streams, &sessions[1], 1));
        drop(streams.resume(&sessions[0], "p-0-0"));
        let fourth = stand(3);
        assert!(fourth.is_none(), "nobody has been away for any time");
        tokio::time::advance(SECOND).await;
        assert!(stand(3).is_some(), "the first was away");
        drop(third);
    }

    #[tokio::test]
    async fn what_a_session_leaves_behind_is_forgotten_with_it() {
        let streams = streams();
        let (gone, other) = (begin(), begin());
        streams.keep(&gone, &events("1"));
        streams.keep(&other, &events("2"));
        streams.forget(&gone);
        assert!(!is_kept(&streams, &gone, 0));
        assert!(is_kept(&streams, &other, 1));
    }
}
