//! A connection that carries all messages of its client: its legacy session, its calls in flight and its output.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use tokio::sync::Notify;

use super::calls::Calls;
use super::incoming::{self, Incoming, Replies};
use super::lines::Line;
#[cfg(feature = "auth")]
use crate::auth::Identity;
use crate::metrics::OpenConnection;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, Refused, error_reply};
use crate::service::{
    Exchange, Handling, Held, Listening, Origin, Outbound, Pending, Reply, Service, TransportKind,
    next_connection,
};
use crate::session::Session;
use crate::sync::{Mutex, MutexGuard};

/// The number of unwritten bytes at which reading pauses, so that a client that does not read is not served further.
pub(super) const MAX_BACKLOG: usize = 4 << 20;

/// The number of unwritten bytes at which notifications are refused.
const NOTIFICATION_BACKLOG: usize = MAX_BACKLOG;

/// The number of bytes in the output, including those that are being written, at which calls are not polled.
const PAUSED_BACKLOG: usize = 256 << 10;

/// The size of messages for which the output grows by no more than they need, in bytes.
const LARGE: usize = 64 << 10;

/// The state that a connection shares with the tasks of its calls.
#[derive(Default)]
pub(super) struct Shared {
    output: Mutex<Output>,
    /// Notified when a call in flight adds a message.
    pub(super) changed: Notify,
    /// `true` after the end of the input: the client can no longer answer questions.
    input_ended: AtomicBool,
}

/// The messages to the client.
#[derive(Default)]
struct Output {
    /// The messages that are not being written yet.
    bytes: Vec<u8>,
    /// The size of the messages that are being written.
    taken: usize,
    /// The calls that are not polled until the client has taken its messages.
    waiting: Vec<Waker>,
}

impl Shared {
    #[inline]
    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock()
    }

    #[inline]
    pub(super) fn backlog(&self) -> usize {
        self.output().bytes.len()
    }

    /// Moves the output into an empty buffer, to be written. The messages that were taken before are written. A buffer of long
    /// messages is not kept.
    #[inline]
    pub(super) fn take_output(&self, buffer: &mut Vec<u8>) {
        if buffer.capacity() > PAUSED_BACKLOG {
            *buffer = Vec::new();
        }
        let mut output = self.output();
        std::mem::swap(buffer, &mut output.bytes);
        output.taken = buffer.len();
        if !output.waiting.is_empty() && output.taken < PAUSED_BACKLOG {
            wake(output);
        }
    }

    /// Returns `true` if the client does not take its messages. The caller is woken when it has taken them.
    fn poll_is_full(&self, context: &Context<'_>) -> bool {
        let mut output = self.output();
        let is_full = output.bytes.len() + output.taken >= PAUSED_BACKLOG;
        if is_full {
            output.waiting.push(context.waker().clone());
        }
        is_full
    }

    fn push(&self, message: String) {
        let output = &mut self.output().bytes;
        if output.is_empty() {
            // Avoids a copy of large replies, and twice their memory for the line break.
            *output = message.into_bytes();
            output.reserve_exact(1);
        } else {
            if message.len() > LARGE {
                // `Vec` would double the memory of what is there.
                output.reserve_exact(message.len() + 1);
            }
            output.extend_from_slice(message.as_bytes());
        }
        output.push(b'\n');
    }
}

/// Wakes the calls that wait, after releasing the lock.
#[cold]
fn wake(mut output: MutexGuard<'_, Output>) {
    let waiting = std::mem::take(&mut output.waiting);
    drop(output);
    waiting.into_iter().for_each(Waker::wake);
}

impl Outbound for Shared {
    fn send(&self, message: String) -> bool {
        let has_capacity = self.backlog() < NOTIFICATION_BACKLOG;
        if has_capacity {
            self.push(message);
            self.changed.notify_one();
        }
        has_capacity
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn can_ask(&self) -> bool {
        !self.input_ended.load(Ordering::Relaxed)
    }
}

/// The replies to a batch, which are sent together when its last request is done.
struct Batch {
    shared: Arc<Shared>,
    replies: Mutex<Replies>,
}

impl Batch {
    fn push(&self, reply: &str) {
        self.replies.lock().push(reply);
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(answer) = self.replies.get_mut().take() {
            self.shared.push(answer);
            self.shared.changed.notify_one();
        }
    }
}

/// A call that was not done at the first poll, until its reply is in the output.
pub(super) struct Call {
    pending: Pending,
    batch: Option<Arc<Batch>>,
    shared: Arc<Shared>,
}

impl Future for Call {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // A call makes no progress while its client does not read, so that no further replies are in memory.
        if self.shared.poll_is_full(context) {
            return Poll::Pending;
        }
        let reply = ready!(self.pending.as_mut().poll(context));
        match (reply, self.batch.take()) {
            (None, _) => {}
            (Some(reply), Some(batch)) => batch.push(&reply.text),
            (Some(reply), None) => self.shared.push(reply.text),
        }
        Poll::Ready(())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.shared.changed.notify_one();
    }
}

pub(super) struct Connection {
    pub(super) service: Arc<dyn Service>,
    pub(super) number: u64,
    transport: TransportKind,
    /// The caller that the environment of the process names.
    #[cfg(feature = "auth")]
    caller: Option<Arc<Identity>>,
    _open: OpenConnection,
    session: Option<Session>,
    /// The subscription of the session to changes, which ends when this is dropped.
    listening: Option<Listening>,
    pub(super) shared: Arc<Shared>,
    /// The calls that were not done at the first poll.
    pub(super) calls: Calls<Call>,
}

impl Connection {
    pub(super) fn new(service: Arc<dyn Service>, transport: TransportKind) -> Self {
        Self {
            transport,
            #[cfg(feature = "auth")]
            caller: match transport {
                TransportKind::Stdio => service.local_caller(),
                _ => None,
            },
            _open: service.metrics().connected(transport.as_str()),
            service,
            number: next_connection(),
            session: None,
            listening: None,
            shared: Arc::default(),
            calls: Calls::new(),
        }
    }

    /// Handles the end of the input: notifications stop, and open questions end.
    pub(super) fn end_input(&mut self) {
        self.shared.input_ended.store(true, Ordering::Relaxed);
        if let Some(session) = &self.session {
            self.service.end_session(session);
        }
        self.service.close(self.number);
    }

    pub(super) fn handle_line(&mut self, line: Line) {
        let limits = self.service.limits();
        let reason;
        let incoming = match line {
            Line::Complete(bytes) => {
                reason = "malformed";
                incoming::read(bytes, limits.depth, self.session.as_ref())
            }
            Line::TooLong(outline) => {
                reason = "message_bytes";
                incoming::from_outline(outline, limits.message_bytes)
            }
        };
        match incoming {
            Ok(Incoming::One(message)) => self.handle_message(message, None),
            Ok(Incoming::Batch(messages)) => self.handle_batch(messages),
            Err(refused) => {
                self.service.metrics().refused(reason);
                self.refuse(refused.id.as_ref(), &refused.error);
            }
        }
    }

    fn handle_batch(&mut self, messages: Vec<Result<Arc<Message>, Refused>>) {
        let batch = Arc::new(Batch {
            shared: Arc::clone(&self.shared),
            replies: Mutex::new(Replies::new(self.held())),
        });
        for message in messages {
            match message {
                Ok(message) if batch.replies.lock().refuse(&message) => {}
                Ok(message) => self.handle_message(message, Some(&batch)),
                Err(Refused { id, error }) => batch.push(&error_reply(id.as_ref(), &error)),
            }
        }
    }

    /// Returns the share of the client in the budget of unsent messages.
    fn held(&self) -> Held {
        let session = self.session.as_ref().map(|session| session.nonce);
        let owner = Origin::of_connection(self.number, self.transport).owner(session);
        self.service.budgets().unsent.held_by(owner)
    }

    fn refuse(&self, id: Option<&Id>, error: &RpcError) {
        self.shared.push(error_reply(id, error));
    }

    fn handle_message(&mut self, message: Arc<Message>, batch: Option<&Arc<Batch>>) {
        let handling = self.service.handle(Exchange {
            message,
            origin: self.origin(),
            session: self.session.clone(),
            outbound: Arc::clone(&self.shared) as Arc<dyn Outbound>,
        });
        match handling {
            Handling::Nothing => {}
            Handling::Ready(reply) => self.reply(reply, batch),
            Handling::Pending(pending) => self.calls.spawn(Call {
                pending,
                batch: batch.cloned(),
                shared: Arc::clone(&self.shared),
            }),
        }
    }

    fn origin(&self) -> Origin {
        let origin = Origin::of_connection(self.number, self.transport);
        #[cfg(feature = "auth")]
        let origin = origin.identified(self.caller.clone());
        origin
    }

    fn answer(&self, answer: String, batch: Option<&Arc<Batch>>) {
        match batch {
            Some(batch) => batch.push(&answer),
            None => self.shared.push(answer),
        }
    }

    fn reply(&mut self, reply: Reply, batch: Option<&Arc<Batch>>) {
        self.answer(reply.text, batch);
        if let Some(session) = reply.opened {
            let outbound = Arc::clone(&self.shared) as Arc<dyn Outbound>;
            let origin = self.origin();
            let listening = self.service.listen(&session, &origin, outbound);
            // The only error is that the limit is reached, which is counted. The client then receives no changes.
            self.listening = listening.ok();
            if let Some(earlier) = self.session.replace(session) {
                self.service.forget_session(&earlier);
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            self.service.forget_session(session);
        }
        self.service.forget_connection(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_wait_until_the_client_has_taken_the_output() {
        let shared = Shared::default();
        let context = Context::from_waker(Waker::noop());
        let mut buffer = Vec::new();
        shared.push("x".repeat(PAUSED_BACKLOG - 2));
        assert!(!shared.poll_is_full(&context));
        shared.push(String::new());
        assert!(shared.poll_is_full(&context));
        shared.take_output(&mut buffer);
        assert_eq!(
            shared.output().waiting.len(),
            1,
            "the output is being written"
        );
        assert!(shared.poll_is_full(&context));
        buffer.clear();
        shared.take_output(&mut buffer);
        assert!(shared.output().waiting.is_empty(), "the calls are woken");
        assert!(!shared.poll_is_full(&context));
    }

    #[test]
    fn notifications_for_a_client_that_does_not_read_are_bounded() {
        let shared = Shared::default();
        // Including the line break, this is half of the limit.
        let half = "x".repeat(NOTIFICATION_BACKLOG / 2 - 1);
        assert!(shared.send(half.clone()));
        assert!(shared.send(half.clone()));
        assert!(!shared.send(half));
        assert_eq!(shared.backlog(), NOTIFICATION_BACKLOG);
    }

    #[test]
    fn a_buffer_of_long_messages_is_not_kept() {
        let shared = Shared::default();
        let mut buffer = Vec::new();
        for (length, is_kept) in [(PAUSED_BACKLOG / 4, true), (PAUSED_BACKLOG + 1, false)] {
            shared.push("x".repeat(length));
            shared.take_output(&mut buffer);
            assert_eq!(buffer.len(), length + 1);
            let capacity = buffer.capacity();
            buffer.clear();
            shared.take_output(&mut buffer);
            assert!(buffer.is_empty());
            assert_eq!(
                shared.output().bytes.capacity() == capacity,
                is_kept,
                "{length}"
            );
        }
    }
}
