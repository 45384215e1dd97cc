//! The events of one stream of a session, numbered and kept, so that a client which lost its connection can go on where
//! it stopped.
//!
//! See <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery>.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use super::backlog::Backlog;
use crate::service::{Outbound, Reply};
use crate::sync::{Mutex, MutexGuard};

/// How many events that were sent already are kept, and how many bytes of them.
const KEPT: usize = 256;
const KEPT_BYTES: usize = 256 * 1024;

/// How long a client should wait before it connects again, in milliseconds.
const RETRY: u32 = 500;

/// The events of one stream.
pub(super) struct Log {
    /// Whether the stream begins with an event that carries nothing but an id, and so can be cut before its first
    /// message.
    primes: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The part of the events' ids that names the stream; empty until it is known to be one.
    name: String,
    /// The number of the first event that is kept. Numbers begin at 1.
    first: u64,
    events: VecDeque<String>,
    bytes: usize,
    /// The events that no reader has had.
    backlog: Backlog,
    over: bool,
    /// The server wants the connection closed; the stream goes on when the client comes back.
    cut: bool,
    /// The answer of a call that has sent nothing before it.
    answer: Option<Reply>,
    waker: Option<Waker>,
    /// Which of the readers is the one: the newest.
    reader: u64,
    /// Since when nobody reads.
    idle: Option<Instant>,
}

/// How the answer to a call begins.
pub(super) enum Beginning {
    /// With the answer itself, unless the call was cancelled.
    Answer(Option<Reply>),
    /// With events.
    Events,
}

impl Log {
    pub(super) fn new(primes: bool) -> Self {
        Self {
            primes,
            state: Mutex::new(State {
                first: 1,
                ..State::default()
            }),
        }
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
        if state.name.is_empty() && state.events.is_empty() && !state.cut {
            state.answer = answer;
        } else if let Some(answer) = answer {
            state.push(answer.text);
        }
        wake(state);
    }

    /// Waits until it is clear how the answer to the call begins.
    pub(super) fn poll_beginning(&self, context: &Context<'_>) -> Poll<Beginning> {
        let mut state = self.state();
        if !state.events.is_empty() || state.cut {
            return Poll::Ready(Beginning::Events);
        }
        if state.over {
            return Poll::Ready(Beginning::Answer(state.answer.take()));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Reads the stream from its beginning. Whoever read it before reads no more.
    pub(super) fn read(self: &Arc<Self>) -> Reader {
        self.reader(0, self.primes)
    }

    /// Reads what comes after the event of this number, or what is left of that.
    pub(super) fn resume(self: &Arc<Self>, after: u64) -> Reader {
        self.reader(after, false)
    }

    fn reader(self: &Arc<Self>, after: u64, primes: bool) -> Reader {
        let mut state = self.state();
        state.reader += 1;
        state.cut &= primes;
        state.idle = None;
        let reader = Reader {
            log: Arc::clone(self),
            number: state.reader,
            next: after.saturating_add(1).clamp(state.first, state.next()),
            primes,
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn push(&mut self, message: String) {
        self.bytes += message.len();
        self.events.push_back(message);
    }

    /// The number that the next event is going to have.
    fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// Forgets what is too old or too much to be kept, when all was sent. The last event stays, however long.
    fn trim(&mut self) {
        while self.events.len() > 1
            && (self.events.len() > KEPT || self.bytes > KEPT_BYTES)
            && let Some(event) = self.events.pop_front()
        {
            self.bytes -= event.len();
            self.first += 1;
        }
    }
}

/// Wakes whoever waits, without holding the lock.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Outbound for Log {
    fn send(&self, message: String) -> bool {
        let mut state = self.state();
        let room = !state.over && state.backlog.admit(&message);
        if room {
            state.push(message);
            wake(state);
        }
        room
    }

    fn cut(&self) {
        // A client that has no event's id cannot come back.
        if self.primes {
            let mut state = self.state();
            state.cut = true;
            wake(state);
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Log").finish_non_exhaustive()
    }
}

/// One connection on which a stream is sent.
#[derive(Debug)]
pub(super) struct Reader {
    log: Arc<Log>,
    number: u64,
    next: u64,
    primes: bool,
}

impl Reader {
    /// The events that there are to send now; `None` when there will be no more.
    pub(super) fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.log.state();
        if state.reader != self.number {
            return Poll::Ready(None);
        }
        let mut text = String::new();
        if std::mem::take(&mut self.primes) {
            // Writing to a string cannot fail.
            let _ = write!(text, "id: {}-0\nretry: {RETRY}\ndata: \n\n", state.name);
        }
        let skip = usize::try_from(self.next - state.first).unwrap_or(usize::MAX);
        for (number, event) in (self.next..).zip(state.events.iter().skip(skip)) {
            let _ = write!(text, "id: {}-{number}\ndata: {event}\n\n", state.name);
        }
        if !text.is_empty() {
            self.next = state.next();
            state.backlog.clear();
            state.trim();
            return Poll::Ready(Some(text.into()));
        }
        if state.over || std::mem::take(&mut state.cut) {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.log.state();
        if state.reader == self.number {
            state.idle = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::Class;

    fn read(reader: &mut Reader) -> Option<String> {
        let context = Context::from_waker(Waker::noop());
        match reader.poll(&context) {
            Poll::Ready(Some(bytes)) => Some(String::from_utf8(bytes.to_vec()).expect("text")),
            Poll::Ready(None) => None,
            Poll::Pending => Some("pending".to_owned()),
        }
    }

    fn log(primes: bool) -> Arc<Log> {
        let log = Arc::new(Log::new(primes));
        log.call("s".to_owned());
        log
    }

    #[test]
    fn a_client_goes_on_where_it_stopped() {
        let log = log(true);
        log.send("one".to_owned());
        let mut reader = log.read();
        assert_eq!(
            read(&mut reader).as_deref(),
            Some("id: s-0\nretry: 500\ndata: \n\nid: s-1\ndata: one\n\n")
        );
        assert_eq!(read(&mut reader).as_deref(), Some("pending"));
        log.send("two".to_owned());
        let mut resumed = log.resume(0);
        assert_eq!(read(&mut reader), None, "the newest reader is the only one");
        assert_eq!(
            read(&mut resumed).as_deref(),
            Some("id: s-1\ndata: one\n\nid: s-2\ndata: two\n\n")
        );
        log.finish(None);
        assert_eq!(read(&mut resumed), None);
        assert_eq!(
            read(&mut log.resume(1)).as_deref(),
            Some("id: s-2\ndata: two\n\n")
        );
        assert_eq!(read(&mut log.resume(u64::MAX)), None);
    }

    #[test]
    fn a_cut_stream_ends_and_goes_on() {
        let log = log(true);
        let mut reader = log.read();
        log.cut();
        assert!(read(&mut reader).is_some_and(|text| text.contains("retry: 500")));
        assert_eq!(read(&mut reader), None);
        log.send("late".to_owned());
        assert_eq!(
            read(&mut log.resume(0)).as_deref(),
            Some("id: s-1\ndata: late\n\n")
        );
    }

    #[test]
    fn what_was_sent_is_kept_up_to_so_many_bytes() {
        let log = log(false);
        let mut reader = log.read();
        let big = "x".repeat(KEPT_BYTES / 3);
        for _ in 0..5 {
            log.send(big.clone());
            read(&mut reader).expect("an event");
        }
        let kept = read(&mut log.resume(0)).expect("events");
        assert_eq!(kept.matches("data: ").count(), 3);
    }

    #[test]
    fn the_last_event_is_kept_whatever_its_length() {
        let log = log(false);
        let mut reader = log.read();
        log.send("small".to_owned());
        log.send("x".repeat(2 * KEPT_BYTES));
        read(&mut reader).expect("events");
        let kept = read(&mut log.resume(0)).expect("events");
        assert!(kept.starts_with("id: s-2\n"), "{}", &kept[..20]);
    }

    #[test]
    fn so_many_bytes_wait_and_the_answer_in_any_case() {
        let log = log(false);
        let mut reader = log.read();
        let message = "x".repeat(1 << 20);
        let fill = || (0..100).filter(|_| log.send(message.clone())).count();
        // What was sent, and is kept for a client that comes back, does not wait.
        for _ in 0..2 {
            assert_eq!(fill(), 16);
            let text = read(&mut reader).expect("events");
            assert_eq!(text.matches("data: ").count(), 16);
        }
        assert_eq!(fill(), 16);
        log.finish(Some(Reply::new(message.clone(), Class::Answered)));
        let text = read(&mut reader).expect("events");
        assert_eq!(text.matches("data: ").count(), 17);
    }

    #[test]
    fn it_is_bounded_and_keeps_what_nobody_had() {
        let log = log(false);
        for number in 0..2048 {
            assert_eq!(log.send(number.to_string()), number < 1024);
        }
        let mut reader = log.read();
        let text = read(&mut reader).expect("events");
        assert_eq!(text.matches("data: ").count(), 1024);
        let left = read(&mut log.resume(0)).expect("events");
        assert_eq!(left.matches("data: ").count(), KEPT);
        assert!(left.ends_with("id: s-1024\ndata: 1023\n\n"), "{left}");
    }
}
