//! The reader of a stream that another replica has, or had: it sends what the log of the stream has, until its end.
//!
//! It reads the log as fast as its client reads, and at most one part of the log is in memory.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::mem::take;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use super::super::event_stream::{MAX_UNREAD, push_event};
use super::super::unsent::unsent;
use super::entry::{About, Entry, Owned, key_of};
use super::health::{RETENTION, STORE_TIMEOUT};
use super::resumed::{Changes, Missed, Resumed};
use crate::cluster::Cluster;
use crate::opaque::opaque_debug;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::error_reply;
use crate::service::{BoxFuture, Held};
use crate::sync::Mutex;

/// The time that one read waits for entries, after which the reader looks whether the replica of the stream is alive.
const WAIT: Duration = Duration::from_secs(2);

/// The time for which a replica must not seem to be alive before it counts as gone: the store may have lost that it is.
const GONE_AFTER: Duration = Duration::from_secs(6);

/// The maximum number of reads that look for the event after which a client resumes its stream.
const MAX_SEARCHES: usize = 64;

/// The size of a chunk of events, in bytes, from which no further event is added to it.
const CHUNK: usize = 64 << 10;

/// What the next entry means for a reader.
enum Step {
    /// Nothing new.
    Nothing,
    /// Events to send.
    Events(VecDeque<String>),
    /// The event with this number, which is a value of the store.
    Value(u64),
    /// The stream has ended.
    End,
    /// Events are missing.
    Gap,
}

/// The position of a reader in the log of a stream.
pub(super) struct Follow {
    cluster: Arc<Cluster>,
    owned: Owned,
    log: String,
    /// The prefix of the event ids.
    name: String,
    /// The number of the last event that the client has.
    last: u64,
    /// The position of the last entry that was read from the log.
    position: u64,
    /// The entries that were read.
    entries: VecDeque<Entry>,
    /// The size of these entries.
    held: Held,
    /// The time of the last entry.
    heard: Instant,
    /// The time since which the replica of the stream does not seem to be alive.
    silent: Option<Instant>,
    /// What the last entry that was read says of the stream.
    about: About,
    has_ended: bool,
}

/// Opens the log of a stream after the event with this number.
///
/// # Errors
/// Returns an error if the store cannot be read.
pub(super) async fn open(
    cluster: Arc<Cluster>,
    owned: Owned,
    log: String,
    (name, after): (&str, u64),
    held: Held,
) -> Result<Resumed<Follow>, RpcError> {
    let mut follow = Follow {
        cluster,
        owned,
        log,
        name: name.to_owned(),
        last: after,
        position: 0,
        entries: VecDeque::new(),
        held,
        heard: Instant::now(),
        silent: None,
        about: About::Batch,
        has_ended: false,
    };
    let can_be_resumed = follow.can_be_resumed().await?;
    // A session has one GET stream, at the replica that its client has reached last.
    let is_get_stream = matches!(follow.about, About::Changes(_));
    Ok(if is_get_stream && can_be_resumed {
        Resumed::New(follow.collect().await?)
    } else if is_get_stream {
        Resumed::New(Missed::anything())
    } else if can_be_resumed && follow.find().await? {
        Resumed::Rest(follow)
    } else {
        Resumed::New(Missed::default())
    })
}

impl Follow {
    /// Reads until the event after which the client resumes the stream. Returns `false` if the log lacks events that follow it.
    async fn find(&mut self) -> Result<bool, RpcError> {
        for search in 0..MAX_SEARCHES {
            if !self.read(Duration::ZERO).await? {
                return Ok(false);
            }
            if self.entries.is_empty() {
                return Ok(search > 0);
            }
            while let Some(entry) = self.entries.front() {
                match self.step(entry) {
                    Step::Nothing => {}
                    Step::Gap => return Ok(false),
                    Step::Events(_) | Step::Value(_) | Step::End => return Ok(true),
                }
                self.entries.pop_front();
            }
            self.held.clear();
        }
        Ok(false)
    }

    /// Reads all that follows in a GET stream.
    async fn collect(mut self) -> Result<Missed, RpcError> {
        let mut messages = Vec::new();
        for search in 0..MAX_SEARCHES {
            if !self.read(Duration::ZERO).await? {
                break;
            }
            let position = match self.about {
                About::Changes(position) if search > 0 => Some(position),
                _ => None,
            };
            if let Some(position) = position.filter(|_| self.entries.is_empty()) {
                let changes = Changes::Since(position);
                return Ok(Missed {
                    messages,
                    changes,
                    _held: take(&mut self.held),
                });
            }
            if !self.collect_entries(&mut messages).await || messages.len() > MAX_UNREAD {
                break;
            }
        }
        Ok(Missed::anything())
    }

    /// Takes the events from the entries that were read. Returns `false` if some are missing.
    async fn collect_entries(&mut self, messages: &mut Vec<String>) -> bool {
        while let Some(entry) = self.entries.pop_front() {
            let before = messages.len();
            match self.step(&entry) {
                Step::Nothing | Step::End => {}
                Step::Events(events) => messages.extend(events),
                Step::Value(number) => match self.value(number).await {
                    Some(event) if self.held.add(event.len()) => messages.push(event),
                    _ => return false,
                },
                Step::Gap => return false,
            }
            self.last += (messages.len() - before) as u64;
        }
        true
    }

    /// Returns `false` if there is no log, or if its last entry says that nobody can resume the stream.
    async fn can_be_resumed(&mut self) -> Result<bool, RpcError> {
        let last = timeout(STORE_TIMEOUT, self.cluster.store().last_position(&self.log));
        let last = match last.await {
            Ok(Ok(last)) => last,
            Ok(Err(error)) => return Err(unavailable(&error)),
            Err(elapsed) => return Err(unavailable(&elapsed)),
        };
        self.position = last.saturating_sub(1);
        let is_own = last > 0 && self.read(Duration::ZERO).await?;
        let is_gone = matches!(self.entries.back(), Some(Entry::Gone(_)));
        self.entries.clear();
        self.held.clear();
        self.position = 0;
        Ok(is_own && !is_gone)
    }

    /// Returns what an entry means for this reader. Events that the client has are left out.
    fn step(&self, entry: &Entry) -> Step {
        let next = self.last.saturating_add(1);
        match entry {
            Entry::Events(first, events) => {
                let known = usize::try_from(next.saturating_sub(*first)).unwrap_or(usize::MAX);
                match events.get(known..) {
                    _ if *first > next => Step::Gap,
                    None | Some([]) => Step::Nothing,
                    Some(events) => Step::Events(events.iter().cloned().collect()),
                }
            }
            Entry::Value(number) if *number > next => Step::Gap,
            Entry::Value(number) if *number == next => Step::Value(next),
            Entry::Alive(last) | Entry::End(last) if *last > self.last => Step::Gap,
            Entry::Value(_) | Entry::Alive(_) => Step::Nothing,
            Entry::End(_) => Step::End,
            Entry::Gone(_) => Step::Gap,
        }
    }

    /// Reads the next entries of the log: none if there are none within the time. Returns `false` if an entry is not of this owner.
    ///
    /// Entries that the log has dropped are noticed by the numbers of events: an old log lacks the entries of events that every
    /// reader has.
    async fn read(&mut self, wait: Duration) -> Result<bool, RpcError> {
        let read = self
            .cluster
            .store()
            .read_after(&self.log, self.position, wait);
        let read = match timeout(wait + STORE_TIMEOUT, read).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Err(unavailable(&error)),
            Err(elapsed) => return Err(unavailable(&elapsed)),
        };
        if !read.entries.is_empty() {
            self.heard = Instant::now();
            self.silent = None;
        }
        self.position = read.position;
        for entry in read.entries {
            if !self.held.add(entry.value.len()) {
                return Err(RpcError::overloaded(
                    "The server is busy: too many bytes wait to be sent; try again later",
                ));
            }
            let Some((entry, about)) = self.owned.read(&entry.value) else {
                return Ok(false);
            };
            self.about = about;
            self.entries.push_back(entry);
        }
        Ok(true)
    }

    /// Returns the next chunk of the stream, or `None` if there will be no more.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.has_ended {
            let text = self.take_chunk().await;
            if !text.is_empty() {
                let held = self.held.of_same_owner(text.len());
                return Some(unsent(text, held));
            }
            if self.has_ended || self.heard.elapsed() > RETENTION {
                return None;
            }
            if let Err(error) = self.read_more().await {
                tracing::debug!(error = %error.message, "a stream of another replica is interrupted");
                return None;
            }
        }
        None
    }

    async fn read_more(&mut self) -> Result<(), RpcError> {
        self.held.clear();
        // What the replica wrote before it ended comes first.
        let wait = WAIT.min(self.until_gone().await);
        let is_gone = wait.is_zero();
        if !self.read(wait).await? {
            self.has_ended = true;
        } else if is_gone && self.entries.is_empty() {
            self.abandon();
        }
        Ok(())
    }

    /// Returns `false` if the replica that has the stream does not seem to be alive.
    async fn is_alive(&self) -> bool {
        let replica = self.name.split('-').next().unwrap_or_default();
        !matches!(self.cluster.is_alive(replica).await, Ok(false))
    }

    /// Returns the time until the replica that has the stream counts as gone, unless it says that it is alive.
    async fn until_gone(&mut self) -> Duration {
        if self.is_alive().await {
            self.silent = None;
            return GONE_AFTER;
        }
        let since = *self.silent.get_or_insert_with(Instant::now);
        GONE_AFTER.saturating_sub(since.elapsed())
    }

    /// Ends the stream of a replica that is gone. The client would wait for the answer to its request for ever.
    fn abandon(&mut self) {
        let About::Request(id) = &self.about else {
            self.has_ended = true;
            return;
        };
        let id = Id::parse(id);
        let error = RpcError::internal(
            "The replica of the server that ran this request has ended, so its outcome is unknown",
        );
        let (next, event) = (self.last + 1, error_reply(id.as_ref(), &error));
        self.entries.push_back(Entry::Events(next, vec![event]));
        self.entries.push_back(Entry::End(next));
    }

    /// Encodes the entries that were read, up to the size of a chunk.
    async fn take_chunk(&mut self) -> String {
        let mut text = String::new();
        while text.len() < CHUNK
            && let Some(entry) = self.entries.pop_front()
        {
            match self.step(&entry) {
                Step::Nothing => {}
                Step::Events(events) => {
                    for event in events {
                        self.push(&mut text, &event);
                    }
                }
                Step::Value(number) => match self.value(number).await {
                    Some(event) => self.push(&mut text, &event),
                    None => self.has_ended = true,
                },
                Step::End | Step::Gap => self.has_ended = true,
            }
            if self.has_ended {
                break;
            }
        }
        text
    }

    fn push(&mut self, text: &mut String, event: &str) {
        self.last += 1;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "id: {}-{}", self.name, self.last);
        push_event(text, event);
    }

    /// Returns an event that is a value of the store.
    async fn value(&self, number: u64) -> Option<String> {
        let key = key_of(&self.log, number);
        let value = timeout(STORE_TIMEOUT, self.cluster.store().get(&key)).await;
        String::from_utf8(value.ok()?.ok()??).ok()
    }
}

/// Returns the error for a client whose stream is in a store that cannot be read.
fn unavailable(error: &impl std::fmt::Display) -> RpcError {
    tracing::warn!(%error, "the store of the cluster cannot be read to resume a stream");
    RpcError::overloaded(
        "The stream cannot be resumed now, because the store of the server does not answer: try again",
    )
}

/// The followers of this replica, by the names of their streams. A stream has one.
#[derive(Clone, Default)]
pub(super) struct Followers(Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>);

impl Followers {
    /// Returns the follower of a stream. The one before ends.
    pub(super) fn add(
        &self,
        name: String,
        follow: Follow,
        mut stopping: watch::Receiver<bool>,
    ) -> Follower {
        let (sender, replaced) = oneshot::channel();
        self.0.lock().insert(name.clone(), sender);
        let ended = async move {
            tokio::select! {
                // Nothing is ever sent: the wait ends when the sender is dropped.
                _ = replaced => {}
                // Without a sender, the server has ended, too.
                _ = stopping.wait_for(|is_stopping| *is_stopping) => {}
            }
        };
        Follower {
            next: advance(follow),
            ended: Some(Box::pin(ended)),
            name,
            followers: self.clone(),
        }
    }

    /// Returns the number of followers.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Ends the follower of a stream.
    pub(super) fn end(&self, name: &str) {
        self.0.lock().remove(name);
    }
}

/// A connection on which a stream of another replica is sent.
pub(in super::super) struct Follower {
    /// The read of the next chunk.
    next: BoxFuture<(Follow, Option<Bytes>)>,
    /// Resolves if another reader takes the stream over, or if the server stops.
    ended: Option<BoxFuture<()>>,
    name: String,
    followers: Followers,
}

opaque_debug!(Follower);

fn advance(mut follow: Follow) -> BoxFuture<(Follow, Option<Bytes>)> {
    Box::pin(async move {
        let chunk = follow.next().await;
        (follow, chunk)
    })
}

impl Follower {
    /// Polls the events to send now; `None` if there will be no more.
    pub(in super::super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(ended) = &mut self.ended else {
            return Poll::Ready(None);
        };
        if ended.as_mut().poll(context).is_ready() {
            self.ended = None;
            return Poll::Ready(None);
        }
        let Poll::Ready((follow, chunk)) = self.next.as_mut().poll(context) else {
            return Poll::Pending;
        };
        match chunk {
            Some(_) => self.next = advance(follow),
            None => self.ended = None,
        }
        Poll::Ready(chunk)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        take(&mut self.ended);
        let mut followers = self.followers.0.lock();
        // Another follower of the stream may have replaced this one.
        if followers
            .get(&self.name)
            .is_some_and(oneshot::Sender::is_closed)
        {
            followers.remove(&self.name);
        }
    }
}
