//! The streams of sessions: found again by the id of an event, and one for each session that asks for it with GET.
//!
//! What is here is memory: bounded, and lost at a restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::log::{Log, Reader};
use crate::service::{Listening, Outbound, Service};
use crate::session::Session;

/// How long a stream that nobody reads is kept.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// How many streams that have ended are kept, and how many bytes of them.
const ENDED: usize = 256;
const ENDED_BYTES: usize = 64 << 20;

/// All streams that a client may come back to.
pub(super) struct Streams {
    /// Tells the ids of this process from those of others.
    process: String,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    /// By the numbers in their names, so the oldest is first.
    all: BTreeMap<u64, Stream>,
    /// The streams that were asked for with GET, by session.
    standing: HashMap<[u8; 16], Standing>,
}

struct Stream {
    session: [u8; 16],
    log: Arc<Log>,
}

struct Standing {
    number: u64,
    log: Arc<Log>,
    _listening: Listening,
}

impl Streams {
    /// `process` is a text without `-` that no other process has.
    pub(super) fn new(process: String) -> Self {
        Self {
            process,
            table: Mutex::default(),
        }
    }

    /// Keeps the stream of a call, and names it.
    pub(super) fn keep(&self, session: &Session, log: &Arc<Log>) {
        self.add(&mut self.table(), session, log);
    }

    fn add(&self, table: &mut Table, session: &Session, log: &Arc<Log>) -> u64 {
        table.tidy();
        let number = table.next;
        table.next += 1;
        log.call(format!("{}-{number}", self.process));
        let stream = Stream {
            session: session.nonce,
            log: Arc::clone(log),
        };
        table.all.insert(number, stream);
        number
    }

    /// What comes after the event with this id; `None` if its stream is not, or no longer, known to this session.
    pub(super) fn resume(&self, session: &Session, last_event: &str) -> Option<Reader> {
        let (stream, event) = last_event.rsplit_once('-')?;
        let (process, number) = stream.split_once('-')?;
        let event = event.parse().ok()?;
        let number: u64 = number.parse().ok()?;
        let table = self.table();
        let stream = table.all.get(&number)?;
        let known = process == self.process && stream.session == session.nonce;
        known.then(|| stream.log.resume(event))
    }

    /// Opens the stream of a session for what belongs to none of its requests. The one before it ends: no message may
    /// go out on two. `None` if there is no room.
    pub(super) fn stand(
        &self,
        service: &dyn Service,
        session: &Session,
        primes: bool,
    ) -> Option<Reader> {
        let mut table = self.table();
        table.tidy();
        table.end(&session.nonce);
        let log = Arc::new(Log::new(primes));
        let outbound = Arc::clone(&log) as Arc<dyn Outbound>;
        let listening = service.listen(session, Arc::clone(&outbound)).or_else(|| {
            table.end_one_that_nobody_reads();
            service.listen(session, outbound)
        })?;
        let number = self.add(&mut table, session, &log);
        let standing = Standing {
            number,
            log: Arc::clone(&log),
            _listening: listening,
        };
        table.standing.insert(session.nonce, standing);
        Some(log.read())
    }

    /// Forgets the streams of a session that is over.
    pub(super) fn forget(&self, session: &Session) {
        let mut table = self.table();
        table.end(&session.nonce);
        table
            .all
            .retain(|_, stream| stream.session != session.nonce);
    }

    /// Ends the streams that would never end by themselves.
    pub(super) fn close(&self) {
        for (_, standing) in self.table().standing.drain() {
            standing.log.finish(None);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Ends the standing stream of a session.
    fn end(&mut self, session: &[u8; 16]) {
        if let Some(standing) = self.standing.remove(session) {
            standing.log.finish(None);
            self.all.remove(&standing.number);
        }
    }

    /// Makes room: the stream goes whose client has been away for longest.
    fn end_one_that_nobody_reads(&mut self) {
        let longest = self
            .standing
            .iter()
            .map(|(session, standing)| (standing.log.idle_for(), *session))
            .max();
        if let Some((_, session)) = longest.filter(|(idle, _)| !idle.is_zero()) {
            self.end(&session);
        }
    }

    /// Forgets what is too old, and the oldest of what is too much.
    fn tidy(&mut self) {
        let abandoned: Vec<[u8; 16]> = self
            .standing
            .iter()
            .filter(|(_, standing)| standing.log.idle_for() > KEPT)
            .map(|(session, _)| *session)
            .collect();
        for session in abandoned {
            self.end(&session);
        }
        let mut ended = 0;
        let mut bytes = 0;
        // From the newest to the oldest.
        let mut spent = Vec::new();
        for (number, stream) in self.all.iter().rev() {
            if let Some(leftover) = stream.log.leftover() {
                ended += 1;
                bytes += leftover;
                if ended > ENDED || bytes > ENDED_BYTES || stream.log.idle_for() > KEPT {
                    spent.push(*number);
                }
            }
        }
        for number in spent {
            self.all.remove(&number);
        }
    }
}
