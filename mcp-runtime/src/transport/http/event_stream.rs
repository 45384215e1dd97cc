//! Event streams: the messages of a response, or of a stream of a session.
//!
//! The events of a session's stream are numbered and kept, so that a client that lost its connection can resume the stream.
//! See <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery>.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use super::unsent::{too_many_bytes, unsent};
use crate::service::{Held, Outbound, Pending, Reply};
use crate::session::Session;
use crate::sync::{Mutex, MutexGuard};

/// The maximum number of sent events that are kept, and their maximum size in bytes.
const MAX_KEPT: usize = 256;
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// The maximum number of unread messages. Further messages are refused, because a handler cannot wait for its client.
const MAX_UNREAD: usize = 1024;

/// The size of unread messages, in bytes, from which further messages are refused.
const MAX_UNREAD_BYTES: usize = 4 << 20;

/// The size of a chunk of events, in bytes, from which no further event is added to it.
const CHUNK: usize = 64 * 1024;

/// The delay before a client reconnects, in milliseconds.
const RETRY_MILLIS: u32 = 500;

/// The messages of a response, or of a stream of a session.
#[derive(Default)]
pub(super) struct EventStream {
    /// `true` if events have ids and are kept.
    kept: bool,
    /// `true` if the stream starts with an event that has only an id, so that the connection can be closed before the first
    /// message.
    primed: bool,
    state: Mutex<StreamState>,
}

#[derive(Default)]
struct StreamState {
    /// The prefix of the event ids, which identifies the stream.
    name: String,
    /// The number of events before the kept ones. Events are numbered from 1.
    dropped: u64,
    events: VecDeque<String>,
    bytes: usize,
    /// The number of messages that no reader has received.
    unread: usize,
    unread_bytes: usize,
    /// The unread bytes, as counted for all clients.
    held: Held,
    /// The bytes that are kept only so that a client can resume the stream: those of sent events, and all bytes of a stream
    /// that has ended and has no reader.
    retained: Held,
    ended: bool,
    /// `true` if the server wants to close the connection. The stream continues when the client reconnects.
    cut: bool,
    /// The reply of a call that ended before the stream was read.
    answer: Option<Reply>,
    waker: Option<Waker>,
    /// The number of the newest reader, which is the only active one. Readers are numbered from 1.
    reader: u64,
    /// The time since which the stream has no reader.
    idle: Option<Instant>,
    /// What the task knows that writes the events to a log; `None` without a log.
    log: Option<Box<LogState>>,
}

/// The progress of the task that writes the events of a stream to a log.
#[derive(Default)]
struct LogState {
    /// The number of the last event in the log.
    written: u64,
    /// The number of the last event that the newest reader has. Later ones are not dropped.
    read: u64,
    /// `true` if nobody may resume the stream any more.
    forgotten: bool,
    waker: Option<Waker>,
}

/// What the log of a stream does not have yet.
pub(super) enum Unlogged {
    /// Events that fit into one entry, or one event of any size. The number is that of the first one, and their bytes are held.
    Events(u64, Vec<String>, Held),
    /// Events were dropped before they were in the log, so that the log cannot be continued.
    Lost,
    /// The end of the stream, after the event with this number.
    End(u64),
    /// The end of a stream that nobody may resume, after the event with this number.
    Forgotten(u64),
}

/// The start of the response to a call.
pub(super) enum ResponseStart {
    /// The call has ended: the messages that it sent, and its reply unless it was cancelled.
    Answer(Vec<String>, Option<Reply>),
    /// The response is a stream of events.
    Events,
}

impl EventStream {
    /// Returns a stream of a call without a session. Its unread messages are counted as held.
    pub(super) fn of_call(held: Held) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(StreamState {
                held,
                ..StreamState::default()
            }),
            ..Self::default()
        })
    }

    /// Returns a stream of a session, which its client can resume. Its unread messages are counted as held, and those that
    /// are kept for a client that resumes as retained.
    pub(super) fn of_session(session: &Session, held: Held, retained: Held) -> Arc<Self> {
        Arc::new(Self {
            kept: true,
            primed: session.revision.features().primed_streams,
            state: Mutex::new(StreamState {
                held,
                retained,
                ..StreamState::default()
            }),
        })
    }

    /// Sets the name of the stream, which is the prefix of its event ids.
    pub(super) fn set_name(&self, name: String) {
        self.state().name = name;
    }

    /// Returns `true` if the stream has no events and was not cut. A reply that is ready then needs no stream.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.state();
        state.events.is_empty() && !state.cut
    }

    /// Ends the stream, with the reply of its call if there is one.
    pub(super) fn finish(&self, answer: Option<Reply>) {
        let mut state = self.state();
        state.ended = true;
        if self.is_committed(&state) {
            if let Some(answer) = answer {
                state.push_answer(answer.text);
            }
        } else {
            state.answer = answer;
        }
        if state.idle.is_some() {
            state.retire();
        }
        wake(state);
    }

    /// Returns `true` if the response has to be a stream of events. Without kept events, this is decided by the first read.
    fn is_committed(&self, state: &StreamState) -> bool {
        state.reader > 0 || (self.kept && (!state.events.is_empty() || state.cut))
    }

    /// Waits until the start of the response is known. `call` is the call if it is polled by its reader.
    pub(super) fn poll_start(
        &self,
        call: &mut Option<Pending>,
        context: &mut Context<'_>,
    ) -> Poll<ResponseStart> {
        self.advance(call, context);
        let mut state = self.state();
        if state.ended && !self.is_committed(&state) {
            let sent = std::mem::take(&mut state.events).into();
            state.held.clear();
            return Poll::Ready(ResponseStart::Answer(sent, state.answer.take()));
        }
        if !state.events.is_empty() || state.cut {
            return Poll::Ready(ResponseStart::Events);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Polls the call if it has not ended.
    fn advance(&self, call: &mut Option<Pending>, context: &mut Context<'_>) {
        if let Some(pending) = call
            && let Poll::Ready(reply) = pending.as_mut().poll(context)
        {
            *call = None;
            self.finish(reply);
        }
    }

    /// Returns a reader of the whole stream. Earlier readers end.
    pub(super) fn read(self: &Arc<Self>, call: Option<Pending>) -> StreamReader {
        self.reader(0, self.primed, call)
    }

    /// Returns a reader of the kept events after the event with this number.
    pub(super) fn resume(self: &Arc<Self>, after: u64) -> StreamReader {
        self.reader(after, false, None)
    }

    fn reader(self: &Arc<Self>, after: u64, primed: bool, call: Option<Pending>) -> StreamReader {
        let mut state = self.state();
        // The call may have ended after it was decided that its response is a stream.
        if let Some(Reply { text, .. }) = state.answer.take() {
            state.push_answer(text);
        }
        state.retained.clear();
        state.reader += 1;
        state.cut &= primed;
        state.idle = None;
        let last = after.clamp(state.dropped, state.last());
        state.skip_unread(last);
        if let Some(log) = &mut state.log {
            log.read = last;
        }
        let reader = StreamReader {
            stream: Arc::clone(self),
            number: state.reader,
            last,
            primed,
            call,
        };
        wake(state);
        reader
    }

    /// Returns the time since which the stream has no reader; `None` while it is being read.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.state().idle
    }

    /// Returns the number of kept bytes if the stream has ended.
    pub(super) fn bytes_if_ended(&self) -> Option<usize> {
        let state = self.state();
        state.ended.then_some(state.bytes)
    }

    /// Ends the reader, because the client reads the stream elsewhere. A stream without a reader is kept as long again.
    pub(super) fn leave(&self) {
        let mut state = self.state();
        state.reader += 1;
        state.idle = Some(Instant::now());
        if state.ended {
            state.retire();
        }
        wake(state);
    }

    /// Keeps the events that are not in the log yet, as far as the limits of unread ones allow it.
    pub(super) fn start_log(&self) {
        let mut state = self.state();
        state.log = Some(Box::new(LogState {
            written: state.dropped,
            ..LogState::default()
        }));
    }

    /// Waits for something that the log does not have. Events are returned until they have `limit` bytes together.
    pub(super) fn poll_unlogged(&self, limit: usize, context: &mut Context<'_>) -> Poll<Unlogged> {
        let mut state = self.state();
        let (last, dropped) = (state.last(), state.dropped);
        // An answer that waits becomes the last event when the stream is read.
        let is_complete = state.ended && state.answer.is_none();
        let Some(log) = &mut state.log else {
            return Poll::Ready(Unlogged::Lost);
        };
        let written = log.written;
        if log.forgotten {
            return Poll::Ready(Unlogged::Forgotten(written));
        }
        if written < dropped {
            return Poll::Ready(Unlogged::Lost);
        }
        if written == last {
            if is_complete {
                return Poll::Ready(Unlogged::End(last));
            }
            log.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(state.unlogged(written, limit))
    }

    /// Records that the log has the events up to this number.
    pub(super) fn mark_logged(&self, last: u64) {
        let mut state = self.state();
        if let Some(log) = &mut state.log {
            log.written = last;
        }
        let before = state.bytes;
        state.trim(self.kept);
        let dropped = before - state.bytes;
        state.retained.remove(dropped);
    }

    /// Records that the log will not be continued.
    pub(super) fn stop_log(&self) {
        self.state().log = None;
    }

    /// Ends the log at once, so that nobody resumes the stream elsewhere.
    pub(super) fn forget_log(&self) {
        let mut state = self.state();
        if let Some(log) = &mut state.log {
            log.forgotten = true;
        }
        wake(state);
    }

    fn state(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock()
    }
}

impl StreamState {
    /// Adds the reply, or an error if the server holds too many unsent bytes.
    fn push_answer(&mut self, mut answer: String) {
        if !self.held.add(answer.len()) {
            answer = too_many_bytes(&answer);
        }
        self.push(answer);
    }

    /// Counts the events of a stream that has ended as retained. If there are too many bytes, its client cannot resume it.
    fn retire(&mut self) {
        self.held.clear();
        self.retained.clear();
        if !self.retained.add(self.bytes) {
            self.dropped = self.last();
            self.events.clear();
            (self.bytes, self.unread, self.unread_bytes) = (0, 0, 0);
        }
    }

    /// Marks the oldest unread messages as read.
    fn mark_read(&mut self, messages: usize, bytes: usize) {
        self.unread -= messages;
        self.unread_bytes -= bytes;
        self.held.remove(bytes);
    }

    /// Marks the events up to this number as read: the client has received them elsewhere.
    fn skip_unread(&mut self, last: u64) {
        let sent = self.events.len() - self.unread;
        let received = usize::try_from(last - self.dropped).unwrap_or(usize::MAX);
        let skipped = self.events.iter().take(received).skip(sent);
        let (messages, bytes) = skipped.fold((0, 0), |(messages, bytes), event| {
            (messages + 1, bytes + event.len())
        });
        self.mark_read(messages, bytes);
    }

    /// Counts the sent events as retained. If there are too many bytes, the stream can be resumed only after them.
    fn retain_sent(&mut self) {
        self.retained.clear();
        if !self.retained.add(self.bytes - self.unread_bytes) {
            while self.events.len() > self.unread {
                self.drop_first();
            }
        }
    }

    fn drop_first(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.bytes -= event.len();
            self.dropped += 1;
        }
    }

    fn push(&mut self, message: String) {
        self.bytes += message.len();
        self.unread += 1;
        self.unread_bytes += message.len();
        self.events.push_back(message);
    }

    /// Returns the number of the last event.
    fn last(&self) -> u64 {
        self.dropped + self.events.len() as u64
    }

    /// Drops the oldest sent events beyond the limits. The last event of a stream that has ended is kept whatever its size.
    fn trim(&mut self, kept: bool) {
        let least = usize::from(kept && self.ended);
        while self.events.len() > least && self.exceeds_limits(kept) {
            self.drop_first();
        }
    }

    /// Returns `true` if the oldest event has been sent, and there are more or larger ones than are kept. One that is not in the
    /// log yet is kept like an unread one.
    fn exceeds_limits(&self, kept: bool) -> bool {
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
    fn unlogged(&self, written: u64, limit: usize) -> Unlogged {
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

/// Wakes the tasks of the reader and of the log after releasing the lock.
fn wake(mut state: MutexGuard<'_, StreamState>) {
    let reader = state.waker.take();
    let log = state.log.as_mut().and_then(|log| log.waker.take());
    drop(state);
    for waker in [reader, log].into_iter().flatten() {
        waker.wake();
    }
}

impl Outbound for EventStream {
    fn send(&self, message: String) -> bool {
        let mut state = self.state();
        let has_capacity = !state.ended
            && state.unread < MAX_UNREAD
            && state.unread_bytes < MAX_UNREAD_BYTES
            && state.held.add(message.len());
        if has_capacity {
            state.push(message);
            wake(state);
        }
        has_capacity
    }

    fn cut(&self) {
        let mut state = self.state();
        state.cut = true;
        wake(state);
    }

    fn end(&self) {
        self.finish(None);
    }
}

/// Discards messages: the client does not accept events.
pub(super) struct Discard;

impl Outbound for Discard {
    fn send(&self, _: String) -> bool {
        true
    }

    fn can_ask(&self) -> bool {
        false
    }
}

/// A connection on which a stream is sent.
pub(super) struct StreamReader {
    stream: Arc<EventStream>,
    number: u64,
    /// The number of the last event that was sent.
    last: u64,
    primed: bool,
    /// A call without a session. A disconnect drops the reader, and so cancels the call.
    call: Option<Pending>,
}

impl StreamReader {
    /// Polls the events to send now; `None` if there will be no more.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.stream.advance(&mut self.call, context);
        let mut state = self.stream.state();
        if state.reader != self.number {
            return Poll::Ready(None);
        }
        let mut text = String::new();
        if std::mem::take(&mut self.primed) {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "id: {}-0\nretry: {RETRY_MILLIS}\ndata: \n\n",
                state.name
            );
        }
        let skip = usize::try_from(self.last - state.dropped).unwrap_or(usize::MAX);
        let read = state.last() - state.unread as u64;
        let (mut messages, mut bytes) = (0, 0);
        for (number, event) in (self.last + 1..).zip(state.events.iter().skip(skip)) {
            if self.stream.kept {
                let _ = writeln!(text, "id: {}-{number}", state.name);
            }
            push_event(&mut text, event);
            if number > read {
                messages += 1;
                bytes += event.len();
            }
            self.last = number;
            if text.len() >= CHUNK {
                break;
            }
        }
        if !text.is_empty() {
            state.mark_read(messages, bytes);
            if let Some(log) = &mut state.log {
                log.read = self.last;
            }
            state.trim(self.stream.kept);
            // A reader that repeats older events needs them.
            if messages > 0 {
                state.retain_sent();
            }
            let held = state.held.of_same_owner(text.len());
            return Poll::Ready(Some(unsent(text, held)));
        }
        if state.ended || std::mem::take(&mut state.cut) {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

/// Appends a message as an event. Messages have no line breaks, so that one `data` line is enough.
pub(super) fn push_event(events: &mut String, message: &str) {
    events.reserve(message.len() + 8);
    events.push_str("data: ");
    events.push_str(message);
    events.push_str("\n\n");
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        let mut state = self.stream.state();
        if state.reader == self.number {
            state.idle = Some(Instant::now());
            if state.ended {
                state.retire();
            }
        }
    }
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StreamReader")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
