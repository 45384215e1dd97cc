//! The messages of one response, or of one stream of a session, on their way to the client.
//!
//! The events of a session's stream are numbered and kept, so that a client which lost its connection can go on where it
//! stopped. See <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery>.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use crate::service::{Outbound, Pending, Reply};
use crate::session::Session;
use crate::sync::{Mutex, MutexGuard};

/// How many events that were sent already are kept, and how many bytes of them.
const KEPT: usize = 256;
const KEPT_BYTES: usize = 256 * 1024;

/// How many messages wait for a slow client. What exceeds this is refused, for a handler cannot be made to wait.
const MOST_WAITING: usize = 1024;

/// A message is added while fewer bytes than these wait.
const MOST_WAITING_BYTES: usize = 16 << 20;

/// How long a client should wait before it connects again, in milliseconds.
const RETRY: u32 = 500;

/// The messages of one response, or of one stream of a session.
#[derive(Default)]
pub(super) struct EventStream {
    /// Whether events have ids and are kept.
    kept: bool,
    /// Whether the stream begins with an event that carries nothing but an id, and so can be cut before its first
    /// message.
    primes: bool,
    state: Mutex<StreamState>,
}

#[derive(Default)]
struct StreamState {
    /// The part of the events' ids that names the stream.
    name: String,
    /// How many events there were before those that are kept. Their numbers begin at 1.
    gone: u64,
    events: VecDeque<String>,
    bytes: usize,
    /// What no reader has had.
    waiting: usize,
    waiting_bytes: usize,
    over: bool,
    /// The server wants the connection closed; the stream goes on when the client comes back.
    cut: bool,
    /// The answer of a call that ended before anything of it was read.
    answer: Option<Reply>,
    waker: Option<Waker>,
    /// Which of the readers is the one: the newest. The first is 1.
    reader: u64,
    /// Since when nobody reads.
    idle: Option<Instant>,
}

/// How the answer to a call begins.
pub(super) enum ResponseStart {
    /// The call is over: the messages it sent before, and its answer unless it was cancelled.
    Answer(Vec<String>, Option<Reply>),
    /// With events.
    Events,
}

impl EventStream {
    /// Returns the stream of a stream of a session, which its client can come back to.
    pub(super) fn of(session: &Session) -> Arc<Self> {
        Arc::new(Self {
            kept: true,
            primes: session.revision.features().primed_streams,
            ..Self::default()
        })
    }

    /// Gives the stream its name, with which the ids of its events begin.
    pub(super) fn call(&self, name: String) {
        self.state().name = name;
    }

    /// Returns `true` if nothing was sent: an answer that is ready needs no stream.
    pub(super) fn is_untouched(&self) -> bool {
        let state = self.state();
        state.events.is_empty() && !state.cut
    }

    /// Ends the stream with the answer of its call, if it has one.
    pub(super) fn finish(&self, answer: Option<Reply>) {
        let mut state = self.state();
        state.over = true;
        if self.is_read(&state) {
            if let Some(answer) = answer {
                state.push(answer.text);
            }
        } else {
            state.answer = answer;
        }
        wake(state);
    }

    /// Whether there is no way back from events. What is not kept may still become something else until it is read.
    fn is_read(&self, state: &StreamState) -> bool {
        state.reader > 0 || (self.kept && (!state.events.is_empty() || state.cut))
    }

    /// Waits until it is clear how the answer to the call begins. `call` is the call if it is polled where it is read.
    pub(super) fn poll_start(
        &self,
        call: &mut Option<Pending>,
        context: &mut Context<'_>,
    ) -> Poll<ResponseStart> {
        self.advance(call, context);
        let mut state = self.state();
        if state.over && !self.is_read(&state) {
            let sent = std::mem::take(&mut state.events).into();
            return Poll::Ready(ResponseStart::Answer(sent, state.answer.take()));
        }
        if !state.events.is_empty() || state.cut {
            return Poll::Ready(ResponseStart::Events);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Polls a call that was not over.
    fn advance(&self, call: &mut Option<Pending>, context: &mut Context<'_>) {
        if let Some(pending) = call
            && let Poll::Ready(reply) = pending.as_mut().poll(context)
        {
            *call = None;
            self.finish(reply);
        }
    }

    /// Reads the stream from its beginning. Whoever read it before reads no more.
    pub(super) fn read(self: &Arc<Self>, call: Option<Pending>) -> StreamReader {
        self.reader(0, self.primes, call)
    }

    /// Reads what comes after the event of this number, or what is left of that.
    pub(super) fn resume(self: &Arc<Self>, after: u64) -> StreamReader {
        self.reader(after, false, None)
    }

    fn reader(self: &Arc<Self>, after: u64, primes: bool, call: Option<Pending>) -> StreamReader {
        let mut state = self.state();
        state.reader += 1;
        state.cut &= primes;
        state.idle = None;
        let reader = StreamReader {
            stream: Arc::clone(self),
            number: state.reader,
            last: after.clamp(state.gone, state.last()),
            primes,
            call,
        };
        wake(state);
        reader
    }

    /// Returns since when nobody has read the stream; `None` while it is being read.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.state().idle
    }

    /// How many bytes are kept of a stream that has ended.
    pub(super) fn leftover(&self) -> Option<usize> {
        let state = self.state();
        state.over.then_some(state.bytes)
    }

    fn state(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock()
    }
}

impl StreamState {
    fn push(&mut self, message: String) {
        self.bytes += message.len();
        self.waiting += 1;
        self.waiting_bytes += message.len();
        self.events.push_back(message);
    }

    /// The number of the last event.
    fn last(&self) -> u64 {
        self.gone + self.events.len() as u64
    }

    /// Forgets what is too old or too much to be kept, when all was sent. The last event stays, however long.
    fn trim(&mut self, kept: bool) {
        self.waiting = 0;
        self.waiting_bytes = 0;
        let most = if kept { KEPT } else { 0 };
        while self.events.len() > most.min(1)
            && (self.events.len() > most || self.bytes > KEPT_BYTES)
            && let Some(event) = self.events.pop_front()
        {
            self.bytes -= event.len();
            self.gone += 1;
        }
    }
}

/// Wakes whoever waits, without holding the lock.
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
        let room =
            !state.over && state.waiting < MOST_WAITING && state.waiting_bytes < MOST_WAITING_BYTES;
        if room {
            state.push(message);
            wake(state);
        }
        room
    }

    fn cut(&self) {
        let mut state = self.state();
        state.cut = true;
        wake(state);
    }
}

/// Where messages go for which the client has no ear.
pub(super) struct Discard;

impl Outbound for Discard {
    fn send(&self, _: String) -> bool {
        true
    }

    fn can_ask(&self) -> bool {
        false
    }
}

/// One connection on which a stream is sent.
pub(super) struct StreamReader {
    stream: Arc<EventStream>,
    number: u64,
    /// The number of the last event that was sent.
    last: u64,
    primes: bool,
    /// A call that belongs to no session. It lives with its response: a disconnect cancels it.
    call: Option<Pending>,
}

impl StreamReader {
    /// The events that there are to send now; `None` when there will be no more.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.stream.advance(&mut self.call, context);
        let mut state = self.stream.state();
        if state.reader != self.number {
            return Poll::Ready(None);
        }
        let mut text = String::new();
        if std::mem::take(&mut self.primes) {
            // Writing to a string cannot fail.
            let _ = write!(text, "id: {}-0\nretry: {RETRY}\ndata: \n\n", state.name);
        }
        let skip = usize::try_from(self.last - state.gone).unwrap_or(usize::MAX);
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
        if state.over || std::mem::take(&mut state.cut) {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

/// Appends a message to events. It has no line breaks, so that one `data` line holds it.
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

    fn stream(primes: bool) -> Arc<EventStream> {
        let stream = Arc::new(EventStream {
            kept: true,
            primes,
            ..EventStream::default()
        });
        stream.call("s".to_owned());
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
        let big = "x".repeat(KEPT_BYTES / 3);
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
        stream.send("x".repeat(2 * KEPT_BYTES));
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
        // What was sent, and is kept for a client that comes back, does not wait.
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
        assert_eq!(left.matches("data: ").count(), KEPT);
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
            let Poll::Ready(beginning) = stream.poll_start(&mut None, &mut context) else {
                panic!("it is over");
            };
            match beginning {
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
        let endless = "x".repeat(2 * MOST_WAITING_BYTES);
        assert_eq!(
            [(); 2].map(|()| stream.send(endless.clone())),
            [true, false]
        );
    }
}
