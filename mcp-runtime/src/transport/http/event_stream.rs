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

use crate::service::{Outbound, Pending, Reply};
use crate::session::Session;
use crate::sync::{Mutex, MutexGuard};

/// The maximum number of sent events that are kept, and their maximum size in bytes.
const MAX_KEPT: usize = 256;
const MAX_KEPT_BYTES: usize = 256 * 1024;

/// The maximum number of unread messages. Further messages are refused, because a handler cannot wait for its client.
const MAX_UNREAD: usize = 1024;

/// The size of unread messages, in bytes, from which further messages are refused.
const MAX_UNREAD_BYTES: usize = 16 << 20;

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
}

/// The start of the response to a call.
pub(super) enum ResponseStart {
    /// The call has ended: the messages that it sent, and its reply unless it was cancelled.
    Answer(Vec<String>, Option<Reply>),
    /// The response is a stream of events.
    Events,
}

impl EventStream {
    /// Returns a stream of a session, which its client can resume.
    pub(super) fn of_session(session: &Session) -> Arc<Self> {
        Arc::new(Self {
            kept: true,
            primed: session.revision.features().primed_streams,
            ..Self::default()
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
                state.push(answer.text);
            }
        } else {
            state.answer = answer;
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
            state.push(text);
        }
        state.reader += 1;
        state.cut &= primed;
        state.idle = None;
        let reader = StreamReader {
            stream: Arc::clone(self),
            number: state.reader,
            last: after.clamp(state.dropped, state.last()),
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

    fn state(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock()
    }
}

impl StreamState {
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

    /// Drops the oldest events beyond the limits after all were sent. The last event is kept whatever its size.
    fn trim(&mut self, kept: bool) {
        self.unread = 0;
        self.unread_bytes = 0;
        let limit = if kept { MAX_KEPT } else { 0 };
        while self.events.len() > limit.min(1)
            && (self.events.len() > limit || self.bytes > MAX_KEPT_BYTES)
            && let Some(event) = self.events.pop_front()
        {
            self.bytes -= event.len();
            self.dropped += 1;
        }
    }
}

/// Wakes the unread task after releasing the lock.
fn wake(mut state: MutexGuard<'_, StreamState>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Outbound for EventStream {
    fn send(&self, message: String) -> bool {
        let mut state = self.state();
        let has_capacity =
            !state.ended && state.unread < MAX_UNREAD && state.unread_bytes < MAX_UNREAD_BYTES;
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
        for (number, event) in (self.last + 1..).zip(state.events.iter().skip(skip)) {
            if self.stream.kept {
                let _ = writeln!(text, "id: {}-{number}", state.name);
            }
            push_event(&mut text, event);
        }
        if !text.is_empty() {
            self.last = state.last();
            state.trim(self.stream.kept);
            return Poll::Ready(Some(text.into()));
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
mod tests {
    use super::*;

    fn read(reader: &mut StreamReader) -> Option<String> {
        let mut context = Context::from_waker(Waker::noop());
        match reader.poll(&mut context) {
            Poll::Ready(Some(bytes)) => Some(String::from_utf8(bytes.to_vec()).expect("text")),
            Poll::Ready(None) => None,
            Poll::Pending => Some("pending".to_owned()),
        }
    }

    fn stream(primed: bool) -> Arc<EventStream> {
        let stream = Arc::new(EventStream {
            kept: true,
            primed,
            ..EventStream::default()
        });
        stream.set_name("s".to_owned());
        stream
    }

    #[test]
    fn a_client_goes_on_where_it_stopped() {
        let stream = stream(true);
        stream.send("one".to_owned());
        let mut reader = stream.read(None);
        assert_eq!(
            read(&mut reader).as_deref(),
            Some("id: s-0\nretry: 500\ndata: \n\nid: s-1\ndata: one\n\n")
        );
        assert_eq!(read(&mut reader).as_deref(), Some("pending"));
        stream.send("two".to_owned());
        let mut resumed = stream.resume(0);
        assert_eq!(read(&mut reader), None, "the newest reader is the only one");
        assert_eq!(
            read(&mut resumed).as_deref(),
            Some("id: s-1\ndata: one\n\nid: s-2\ndata: two\n\n")
        );
        stream.finish(None);
        assert_eq!(read(&mut resumed), None);
        assert_eq!(
            read(&mut stream.resume(1)).as_deref(),
            Some("id: s-2\ndata: two\n\n")
        );
        assert_eq!(read(&mut stream.resume(u64::MAX)), None);
    }

    #[test]
    fn a_call_that_ends_before_the_first_read_of_its_stream_is_answered() {
        let stream = stream(true);
        stream.finish(Some(Reply::new("answer".to_owned())));
        let text = read(&mut stream.read(None)).expect("events");
        assert!(text.ends_with("id: s-1\ndata: answer\n\n"), "{text}");
        let resumed = read(&mut stream.resume(0)).expect("events");
        assert_eq!(resumed, "id: s-1\ndata: answer\n\n");
    }

    #[test]
    fn a_cut_stream_ends_and_goes_on() {
        let stream = stream(true);
        let mut reader = stream.read(None);
        stream.cut();
        assert!(read(&mut reader).is_some_and(|text| text.contains("retry: 500")));
        assert_eq!(read(&mut reader), None);
        stream.send("late".to_owned());
        assert_eq!(
            read(&mut stream.resume(0)).as_deref(),
            Some("id: s-1\ndata: late\n\n")
        );
    }

    #[test]
    fn what_was_sent_is_kept_up_to_so_many_bytes() {
        let stream = stream(false);
        let mut reader = stream.read(None);
        let big = "x".repeat(MAX_KEPT_BYTES / 3);
        for _ in 0..5 {
            stream.send(big.clone());
            read(&mut reader).expect("an event");
        }
        let kept = read(&mut stream.resume(0)).expect("events");
        assert_eq!(kept.matches("data: ").count(), 3);
    }

    #[test]
    fn the_last_event_is_kept_whatever_its_length() {
        let stream = stream(false);
        let mut reader = stream.read(None);
        stream.send("small".to_owned());
        stream.send("x".repeat(2 * MAX_KEPT_BYTES));
        read(&mut reader).expect("events");
        let kept = read(&mut stream.resume(0)).expect("events");
        assert!(kept.starts_with("id: s-2\n"), "{}", &kept[..20]);
    }

    #[test]
    fn so_many_bytes_wait_and_the_answer_in_any_case() {
        let stream = stream(false);
        let mut reader = stream.read(None);
        let message = "x".repeat(1 << 20);
        let fill = || (0..100).filter(|_| stream.send(message.clone())).count();
        // Sent events that are kept for a reconnecting client do not count as unread.
        for _ in 0..2 {
            assert_eq!(fill(), 16);
            let text = read(&mut reader).expect("events");
            assert_eq!(text.matches("data: ").count(), 16);
        }
        assert_eq!(fill(), 16);
        stream.finish(Some(Reply::new(message.clone())));
        let text = read(&mut reader).expect("events");
        assert_eq!(text.matches("data: ").count(), 17);
    }

    #[test]
    fn it_is_bounded_and_keeps_what_nobody_had() {
        let stream = stream(false);
        for number in 0..2048 {
            assert_eq!(stream.send(number.to_string()), number < 1024);
        }
        let mut reader = stream.read(None);
        let text = read(&mut reader).expect("events");
        assert_eq!(text.matches("data: ").count(), 1024);
        let left = read(&mut stream.resume(0)).expect("events");
        assert_eq!(left.matches("data: ").count(), MAX_KEPT);
        assert!(left.ends_with("id: s-1024\ndata: 1023\n\n"), "{left}");
    }

    #[test]
    fn what_is_not_kept_is_sent_once_and_has_no_ids() {
        let stream = Arc::new(EventStream::default());
        let message = "x".repeat(1 << 20);
        let fill = || (0..100).filter(|_| stream.send(message.clone())).count();
        assert_eq!(fill(), 16);
        let mut reader = stream.read(None);
        let text = read(&mut reader).expect("events");
        assert!(!text.contains("id: ") && text.matches("data: ").count() == 16);
        assert!(stream.state().events.is_empty());
        assert_eq!(fill(), 16);
        stream.finish(Some(Reply::new("answer".to_owned())));
        assert!(!stream.send("late".to_owned()));
        let text = read(&mut reader).expect("events");
        assert_eq!(text.matches("data: ").count(), 17);
        assert!(text.ends_with("data: answer\n\n"));
        assert_eq!(read(&mut reader), None);
    }

    #[test]
    fn a_call_that_ends_before_it_is_read_is_no_stream_unless_its_events_are_kept() {
        let mut context = Context::from_waker(Waker::noop());
        for kept in [false, true] {
            let stream = EventStream {
                kept,
                ..EventStream::default()
            };
            stream.send("sent".to_owned());
            stream.finish(Some(Reply::new("answer".to_owned())));
            let Poll::Ready(start) = stream.poll_start(&mut None, &mut context) else {
                panic!("the response has not started");
            };
            match start {
                ResponseStart::Events => assert!(kept),
                ResponseStart::Answer(sent, answer) => {
                    assert_eq!(sent, ["sent"]);
                    assert!(!kept && answer.is_some());
                }
            }
        }
    }

    #[test]
    fn one_message_of_any_length_waits() {
        let stream = EventStream::default();
        let endless = "x".repeat(2 * MAX_UNREAD_BYTES);
        assert_eq!(
            [(); 2].map(|()| stream.send(endless.clone())),
            [true, false]
        );
    }
}
