//! Event streams: the messages of a response, or of a stream of a session.
//!
//! The events of a session's stream are numbered and kept, so that a client that lost its connection can resume the stream.
//! See <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery>.

mod state;

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::Instant;

use super::unsent::unsent;
use crate::service::{Held, Outbound, Pending, Reply};
use crate::session::Session;
use crate::sync::{Mutex, MutexGuard};
pub(super) use state::MAX_UNREAD;
use state::{LogState, MAX_UNREAD_BYTES, StreamState};

pub(super) use state::Unlogged;

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

    /// Returns `true` if the event with this number is the last one so far, and the stream goes on.
    pub(super) fn is_open_at(&self, last: u64) -> bool {
        let state = self.state();
        !state.ended && state.last() == last
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
    /// Sends a message on the stream.
    pub(super) fn send(&self, message: String) {
        if !self.stream.send(message) {
            tracing::warn!(
                "a notification is not sent: its client is too slow, or its stream has ended"
            );
        }
    }

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
