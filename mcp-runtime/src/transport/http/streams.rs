//! The table of the streams of sessions: streams that clients can resume by the id of an event, and one GET stream per session.
//!
//! The table is in memory, bounded, and lost at a restart. In a cluster, the streams also have logs in its store. One task removes expired streams while there are any.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::event_stream::{EventStream, StreamReader};
use super::stream_log::{Follower, Missed, Resumed, StreamKind, StreamLog};
use crate::owner::Owner;
use crate::protocol::Id;
use crate::protocol::error::{Class, RpcError};
use crate::seal::unique;
use crate::service::{Budget, Listening, Origin, Outbound, Service};
use crate::session::Session;
use crate::sync::{Mutex, MutexGuard};

/// The time that a stream without a reader is kept.
const RETENTION: Duration = Duration::from_secs(5 * 60);

/// The maximum number of ended streams that are kept, and their maximum size in bytes.
const MAX_ENDED: usize = 256;
const MAX_ENDED_BYTES: usize = 16 << 20;

/// All streams that a client can resume.
pub(super) struct Streams {
    /// A text without `-` that distinguishes the event ids of this process from those of others: the id of the replica, if there is
    /// one.
    process: String,
    /// The logs of the streams, with which clients resume them at other replicas.
    log: Option<StreamLog>,
    table: Arc<Mutex<StreamTable>>,
    /// The bytes of streams that have ended and have no reader.
    retained: Arc<Budget>,
}

#[derive(Default)]
struct StreamTable {
    next: u64,
    /// The streams by the numbers in their names: the oldest is first.
    all: BTreeMap<u64, KeptStream>,
    /// The task that removes expired streams; `None` while there are no streams.
    expiry_task: Option<AbortHandle>,
}

struct KeptStream {
    session: [u8; 16],
    /// The caller of the session, which may have any number of them.
    account: Owner,
    events: Arc<EventStream>,
    get_stream: Option<GetStream>,
}

/// The listener behind a GET stream. Dropping it ends the stream, which never ends by itself.
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
    /// Creates an empty table. `log` has the streams of all replicas.
    pub(super) fn new(log: Option<StreamLog>) -> Self {
        let replica = log.as_ref().map(|log| log.replica().to_owned());
        Self {
            process: replica.unwrap_or_else(unique),
            log,
            table: Arc::default(),
            retained: Budget::new(MAX_ENDED_BYTES),
        }
    }

    /// Returns a new stream of a session.
    pub(super) fn stream_of(
        &self,
        service: &dyn Service,
        session: &Session,
        origin: &Origin,
    ) -> Arc<EventStream> {
        let account = origin.account();
        let held = service.budgets().unsent.held_by(account.clone());
        EventStream::of_session(session, held, self.retained.held_by(account))
    }

    /// Adds the stream of a call, and sets its name.
    pub(super) fn keep(
        &self,
        session: &Session,
        account: Owner,
        events: &Arc<EventStream>,
        request: Option<Id>,
    ) {
        let stream = KeptStream {
            session: session.nonce,
            account,
            events: Arc::clone(events),
            get_stream: None,
        };
        let kind = StreamKind::Answer(request);
        self.add(&mut self.table(), session, stream, kind);
    }

    fn add(
        &self,
        table: &mut StreamTable,
        session: &Session,
        stream: KeptStream,
        kind: StreamKind,
    ) {
        table.evict();
        let number = table.next;
        table.next += 1;
        let name = format!("{}-{number}", self.process);
        if let Some(log) = &self.log {
            log.write(&name, session, &stream.events, kind);
        }
        stream.events.set_name(name);
        table.all.insert(number, stream);
        // The task ends with its runtime, which may end before the endpoint.
        if table
            .expiry_task
            .as_ref()
            .is_none_or(AbortHandle::is_finished)
        {
            let task = tokio::spawn(expire(Arc::downgrade(&self.table)));
            table.expiry_task = Some(task.abort_handle());
        }
    }

    /// Resumes a stream after the event with this id; `None` if the session has no such stream, or no longer has it.
    pub(super) fn resume(&self, session: &Session, last_event: &str) -> Option<StreamReader> {
        let (stream, event) = last_event.rsplit_once('-')?;
        let (process, number) = stream.split_once('-')?;
        let event = event.parse().ok()?;
        let number: u64 = number.parse().ok()?;
        let table = self.table();
        let stream = table.all.get(&number)?;
        let matches = process == self.process && stream.session == session.nonce;
        matches.then(|| stream.events.resume(event))
    }

    /// Resumes a stream that this replica does not have after the event with this id, from its log.
    ///
    /// # Errors
    /// Returns an error if the store of the cluster cannot be read.
    pub(super) async fn follow(
        &self,
        service: &dyn Service,
        session: &Session,
        origin: &Origin,
        last_event: &str,
    ) -> Result<Resumed<Follower>, RpcError> {
        let Some(log) = &self.log else {
            return Ok(Resumed::New(Missed::default()));
        };
        let held = service.budgets().unsent.held_by(origin.account());
        log.resume(session, last_event, held).await
    }

    /// Opens the stream of a session for messages that belong to no request. The previous GET stream of the session ends,
    /// because a message must not be sent on two streams.
    ///
    /// # Errors
    /// Returns an error if there are too many listeners, or if the server stops.
    pub(super) fn open_get_stream(
        &self,
        service: &dyn Service,
        session: &Session,
        origin: &Origin,
    ) -> Result<StreamReader, RpcError> {
        let mut table = self.table();
        table.evict();
        let is_earlier =
            |stream: &KeptStream| stream.get_stream.is_some() && stream.session == session.nonce;
        table.all.retain(|_, stream| !is_earlier(stream));
        let events = self.stream_of(service, session, origin);
        let outbound = Arc::clone(&events) as Arc<dyn Outbound>;
        let listening = service.listen(session, origin, Arc::clone(&outbound));
        let listening = listening.or_else(|error| {
            if error.class != Class::Overloaded {
                return Err(error);
            }
            table.evict_longest_idle();
            service.listen(session, origin, outbound)
        })?;
        let stream = KeptStream {
            session: session.nonce,
            account: origin.account(),
            events: Arc::clone(&events),
            get_stream: Some(GetStream {
                events: Arc::clone(&events),
                _listening: listening,
            }),
        };
        self.add(&mut table, session, stream, StreamKind::Get);
        Ok(events.read(None))
    }

    /// Ends all GET streams, whose clients open them again.
    pub(super) fn close_get_streams(&self) {
        self.table()
            .all
            .retain(|_, stream| stream.get_stream.is_none());
    }

    /// Removes the streams of a session that has ended. No replica resumes them.
    pub(super) fn forget(&self, session: &Session) {
        let mut table = self.table();
        table.all.retain(|_, stream| {
            let keeps = stream.session != session.nonce;
            if !keeps {
                stream.events.forget_log();
            }
            keeps
        });
    }

    /// Ends the GET stream of a session, because the session has opened another one at another replica. Streams of calls continue.
    pub(super) fn close_get_stream(&self, session: [u8; 16]) {
        let is_closed =
            |stream: &KeptStream| stream.get_stream.is_some() && stream.session == session;
        self.table().all.retain(|_, stream| !is_closed(stream));
    }

    /// Ends the readers of the stream with this name at this replica, because its client reads it at another one. The stream itself
    /// continues. One without a reader is kept as long again, so that a GET stream that is read elsewhere does not expire if this is
    /// called at least every [`RETENTION`].
    pub(super) fn leave(&self, name: &str) {
        if let Some(log) = &self.log {
            log.leave(name);
        }
        let number = name.split_once('-').filter(|(it, _)| *it == self.process);
        let number = number.and_then(|(_, number)| number.parse::<u64>().ok());
        if let Some(stream) = number.and_then(|number| {
            self.table()
                .all
                .get(&number)
                .map(|it| Arc::clone(&it.events))
        }) {
            stream.leave();
        }
    }

    fn table(&self) -> MutexGuard<'_, StreamTable> {
        self.table.lock()
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        if let Some(expiry_task) = self.table().expiry_task.take() {
            expiry_task.abort();
        }
    }
}

/// Removes expired streams until there are no streams.
async fn expire(table: Weak<Mutex<StreamTable>>) {
    while let Some(next) = table.upgrade().and_then(|table| table.lock().sweep()) {
        tokio::time::sleep_until(next).await;
    }
}

impl StreamTable {
    /// Removes the GET stream that has been without a reader for the longest time.
    fn evict_longest_idle(&mut self) {
        let get_streams = self
            .all
            .iter()
            .filter(|(_, stream)| stream.get_stream.is_some());
        let longest = get_streams
            .filter_map(|(number, stream)| Some((stream.events.idle_since()?, *number)))
            .min();
        if let Some((_, number)) = longest.filter(|(since, _)| *since < Instant::now()) {
            self.all.remove(&number);
        }
    }

    /// Removes expired streams and returns the time of the next sweep; `None` if there is no stream left.
    fn sweep(&mut self) -> Option<Instant> {
        self.evict();
        if self.all.is_empty() {
            self.expiry_task = None;
            return None;
        }
        let now = Instant::now();
        let idle = self
            .all
            .values()
            .filter_map(|stream| stream.events.idle_since());
        // A stream that becomes idle later also expires later.
        let expiries = idle.map(|since| since + RETENTION);
        let later = expiries.filter(|expiry| *expiry > now);
        later.chain([now + RETENTION]).min()
    }

    /// Removes expired streams, and ended streams beyond the limits: the oldest ones of the account that has the most.
    fn evict(&mut self) {
        let now = Instant::now();
        self.all.retain(|_, stream| !stream.is_expired(now));
        let mut ended = Ended::default();
        for (number, stream) in &self.all {
            if let Some(size) = stream.events.bytes_if_ended() {
                ended.add(&stream.account, *number, size);
            }
        }
        for number in ended.beyond_limits() {
            self.all.remove(&number);
        }
    }
}

impl KeptStream {
    fn is_expired(&self, now: Instant) -> bool {
        let may_expire = self.get_stream.is_some() || self.events.bytes_if_ended().is_some();
        let idle = self.events.idle_since().filter(|_| may_expire);
        idle.is_some_and(|since| since + RETENTION <= now)
    }
}

/// The numbers and sizes of the ended streams of each account, the oldest first.
#[derive(Default)]
struct Ended<'t> {
    streams: usize,
    bytes: usize,
    accounts: HashMap<&'t Owner, Vec<(u64, usize)>>,
}

impl<'t> Ended<'t> {
    fn add(&mut self, account: &'t Owner, number: u64, bytes: usize) {
        self.streams += 1;
        self.bytes += bytes;
        self.accounts
            .entry(account)
            .or_default()
            .push((number, bytes));
    }

    /// Returns the numbers of the streams to remove.
    fn beyond_limits(mut self) -> Vec<u64> {
        let mut removed = Vec::new();
        while self.streams > MAX_ENDED || self.bytes > MAX_ENDED_BYTES {
            let by_bytes = self.streams <= MAX_ENDED;
            let usage = |streams: &Vec<(u64, usize)>| {
                if by_bytes {
                    streams.iter().map(|(_, bytes)| bytes).sum()
                } else {
                    streams.len()
                }
            };
            let most = self
                .accounts
                .values_mut()
                .max_by_key(|streams| usage(streams));
            let Some(streams) = most.filter(|streams| !streams.is_empty()) else {
                break;
            };
            let (number, bytes) = streams.remove(0);
            self.streams -= 1;
            self.bytes -= bytes;
            removed.push(number);
        }
        removed
    }
}

#[cfg(test)]
mod tests;
