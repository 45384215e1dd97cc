//! The events of a stream: which are unread, which are kept for a client that resumes the stream, and which its log lacks.

use std::collections::VecDeque;
use std::task::Waker;

use tokio::time::Instant;

use super::super::unsent::too_many_bytes;
use crate::service::{Held, Reply};

/// The maximum number of sent events that are kept, and their maximum size in bytes.
pub(super) const MAX_KEPT: usize = 256;
pub(super) const MAX_KEPT_BYTES: usize = 64 * 1024;

/// The maximum number of unread messages. Further messages are refused, because a handler cannot wait for its client.
pub(in super::super) const MAX_UNREAD: usize = 1024;

/// The size of unread messages, in bytes, from which further messages are refused.
pub(super) const MAX_UNREAD_BYTES: usize = 4 << 20;

#[derive(Default)]
pub(super) struct StreamState {
    /// The prefix of the event ids, which identifies the stream.
    pub(super) name: String,
    /// The number of events before the kept ones. Events are numbered from 1.
    pub(super) dropped: u64,
    pub(super) events: VecDeque<String>,
    pub(super) bytes: usize,
    /// The number of messages that no reader has received.
    pub(super) unread: usize,
    pub(super) unread_bytes: usize,
    /// The unread bytes, as counted for all clients.
    pub(super) held: Held,
    /// The bytes that are kept only so that a client can resume the stream: those of sent events, and all bytes of a stream
    /// that has ended and has no reader.
    pub(super) retained: Held,
    pub(super) ended: bool,
    /// `true` if the server wants to close the connection. The stream continues when the client reconnects.
    pub(super) cut: bool,
    /// The reply of a call that ended before the stream was read.
    pub(super) answer: Option<Reply>,
    pub(super) waker: Option<Waker>,
    /// The number of the newest reader, which is the only active one. Readers are numbered from 1.
    pub(super) reader: u64,
    /// The time since which the stream has no reader.
    pub(super) idle: Option<Instant>,
    /// What the task knows that writes the events to a log; `None` without a log.
    pub(super) log: Option<Box<LogState>>,
}

/// The progress of the task that writes the events of a stream to a log.
#[derive(Default)]
pub(super) struct LogState {
    /// The number of the last event in the log.
    pub(super) written: u64,
    /// The number of the last event that the newest reader has. Later ones are not dropped.
    pub(super) read: u64,
    /// `true` if nobody may resume the stream any more.
    pub(super) forgotten: bool,
    pub(super) waker: Option<Waker>,
}

/// What the log of a stream does not have yet.
pub(in super::super) enum Unlogged {
    /// Events that fit into one entry, or one event of any size. The number is that of the first one, and their bytes are held.
    Events(u64, Vec<String>, Held),
    /// Events were dropped before they were in the log, so that the log cannot be continued.
    Lost,
    /// The end of the stream, after the event with this number.
    End(u64),
    /// The end of a stream that nobody may resume, after the event with this number.
    Forgotten(u64),
}

impl StreamState {
    /// Adds the reply, or an error if the server holds too many unsent bytes.
    pub(super) fn push_answer(&mut self, mut answer: String) {
        if !self.held.add(answer.len()) {
            answer = too_many_bytes(&answer);
        }
        self.push(answer);
    }

    /// Counts the events of a stream that has ended as retained. If there are too many bytes, its client cannot resume it.
    pub(super) fn retire(&mut self) {
        self.held.clear();
        self.retained.clear();
        if !self.retained.add(self.bytes) {
            self.dropped = self.last();
            self.events.clear();
            (self.bytes, self.unread, self.unread_bytes) = (0, 0, 0);
        }
    }

    /// Marks the oldest unread messages as read.
    pub(super) fn mark_read(&mut self, messages: usize, bytes: usize) {
        self.unread -= messages;
        self.unread_bytes -= bytes;
        self.held.remove(bytes);
    }

    /// Marks the events up to this number as read: the client has received them elsewhere.
    pub(super) fn skip_unread(&mut self, last: u64) {
        let sent = self.events.len() - self.unread;
        let received = usize::try_from(last - self.dropped).unwrap_or(usize::MAX);
        let skipped = self.events.iter().take(received).skip(sent);
        let (messages, bytes) = skipped.fold((0, 0), |(messages, bytes), event| {
            (messages + 1, bytes + event.len())
        });
        self.mark_read(messages, bytes);
    }

    /// Counts the sent events as retained. If there are too many bytes, the stream can be resumed only after them.
    pub(super) fn retain_sent(&mut self) {
        self.retained.clear();
        if !self.retained.add(self.bytes - self.unread_bytes) {
            while self.events.len() > self.unread {
                self.drop_first();
            }
        }
    }

    pub(super) fn drop_first(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.bytes -= event.len();
            self.dropped += 1;
        }
    }

    pub(super) fn push(&mut self, message: String) {
        self.bytes += message.len();
        self.unread += 1;
        self.unread_bytes += message.len();
        self.events.push_back(message);
    }

    /// Returns the number of the last event.
    pub(super) fn last(&self) -> u64 {
        self.dropped + self.events.len() as u64
    }

    /// Drops the oldest sent events beyond the limits. The last event of a stream that has ended is kept whatever its size.
    pub(super) fn trim(&mut self, kept: bool) {
        let least = usize::from(kept && self.ended);
        while self.events.len() > least && self.exceeds_limits(kept) {
            self.drop_first();
        }
    }

    /// Returns `true` if the oldest event has been sent, and there are more or larger ones than are kept. One that is not in the
    /// log yet is kept like an unread one.
    pub(super) fn exceeds_limits(&self, kept: bool) -> bool {
        let sent = self.events.len() - self.unread;
        let (mut events, mut bytes) = (if kept { MAX_KEPT } else { 0 }, MAX_KEPT_BYTES);
        if let Some(log) = &self.log {
            if log.read <= self.dropped {
                return false;
            }
            if log.written <= self.dropped {
                (events, bytes) = (MAX_UNREAD, MAX_UNREAD_BYTES);
            }
        }
        sent > 0 && (sent > events || self.bytes - self.unread_bytes > bytes)
    }

    /// Returns the events after those in the log.
    pub(super) fn unlogged(&self, written: u64, limit: usize) -> Unlogged {
        let skip = usize::try_from(written - self.dropped).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let fits = |event: &&String| {
            let is_first = bytes == 0;
            bytes += event.len() + 1;
            is_first || bytes <= limit
        };
        let events: Vec<String> = self
            .events
            .iter()
            .skip(skip)
            .take_while(fits)
            .cloned()
            .collect();
        let copied = events.iter().map(String::len).sum();
        Unlogged::Events(written + 1, events, self.held.of_same_owner(copied))
    }
}
