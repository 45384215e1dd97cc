//! A connection that carries all messages of its client: its legacy session, its calls in flight and its output.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::incoming::{self, Incoming, join};
use super::lines::Line;
use crate::metrics::OpenConnection;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, Refused, error_reply};
use crate::service::{
    Exchange, Handling, Listening, Origin, Outbound, Pending, Reply, Service, TransportKind,
    next_connection,
};
use crate::session::Session;
use crate::sync::{Mutex, MutexGuard};

/// The number of unwritten bytes at which reading pauses, so that a client that does not read is not served further.
pub(super) const MAX_BACKLOG: usize = 4 << 20;

/// The number of unwritten bytes at which notifications are refused.
const NOTIFICATION_BACKLOG: usize = 4 * MAX_BACKLOG;

/// The state that a connection shares with the tasks of its calls.
#[derive(Default)]
pub(super) struct Shared {
    output: Mutex<Vec<u8>>,
    /// Notified when a call in flight adds a message.
    pub(super) changed: Notify,
    /// `true` after the end of the input: the client can no longer answer questions.
    input_ended: AtomicBool,
}

impl Shared {
    #[inline]
    pub(super) fn output(&self) -> MutexGuard<'_, Vec<u8>> {
        self.output.lock()
    }

    #[inline]
    pub(super) fn backlog(&self) -> usize {
        self.output().len()
    }

    fn push(&self, message: String) {
        let mut output = self.output();
        if output.is_empty() {
            // Avoids a copy of large replies.
            *output = message.into_bytes();
        } else {
            output.extend_from_slice(message.as_bytes());
        }
        output.push(b'\n');
    }
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
    replies: Mutex<Vec<String>>,
}

impl Batch {
    fn push(&self, reply: String) {
        let mut replies = self.replies.lock();
        replies.push(reply);
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let replies = self.replies.get_mut();
        if let Some(answer) = join(replies) {
            self.shared.push(answer);
            self.shared.changed.notify_one();
        }
    }
}

pub(super) struct Connection {
    pub(super) service: Arc<dyn Service>,
    pub(super) number: u64,
    transport: TransportKind,
    _open: OpenConnection,
    session: Option<Session>,
    /// The subscription of the session to changes, which ends when this is dropped.
    listening: Option<Listening>,
    pub(super) shared: Arc<Shared>,
    /// The tasks of the calls that were not done at the first poll.
    pub(super) calls: JoinSet<()>,
}

impl Connection {
    pub(super) fn new(service: Arc<dyn Service>, transport: TransportKind) -> Self {
        Self {
            transport,
            _open: service.metrics().connected(transport.as_str()),
            service,
            number: next_connection(),
            session: None,
            listening: None,
            shared: Arc::default(),
            calls: JoinSet::new(),
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
            replies: Mutex::default(),
        });
        for message in messages {
            match message {
                Ok(message) => self.handle_message(message, Some(&batch)),
                Err(Refused { id, error }) => batch.push(error_reply(id.as_ref(), &error)),
            }
        }
    }

    fn refuse(&self, id: Option<&Id>, error: &RpcError) {
        self.shared.push(error_reply(id, error));
    }

    fn handle_message(&mut self, message: Arc<Message>, batch: Option<&Arc<Batch>>) {
        let handling = self.service.handle(Exchange {
            message,
            origin: Origin::of_connection(self.number, self.transport),
            session: self.session.clone(),
            outbound: Arc::clone(&self.shared) as Arc<dyn Outbound>,
        });
        match handling {
            Handling::Nothing => {}
            Handling::Ready(reply) => self.reply(reply, batch),
            Handling::Pending(pending) => self.spawn(pending, batch.cloned()),
        }
    }

    fn answer(&self, answer: String, batch: Option<&Arc<Batch>>) {
        match batch {
            Some(batch) => batch.push(answer),
            None => self.shared.push(answer),
        }
    }

    fn reply(&mut self, reply: Reply, batch: Option<&Arc<Batch>>) {
        self.answer(reply.text, batch);
        if let Some(session) = reply.opened {
            let outbound = Arc::clone(&self.shared) as Arc<dyn Outbound>;
            let origin = Origin::of_connection(self.number, self.transport);
            self.listening = self.service.listen(&session, &origin, outbound);
            if let Some(earlier) = self.session.replace(session) {
                self.service.forget_session(&earlier);
            }
        }
    }

    /// Spawns a task for a call that was not done at the first poll.
    fn spawn(&mut self, pending: Pending, batch: Option<Arc<Batch>>) {
        while self.calls.try_join_next().is_some() {}
        let shared = Arc::clone(&self.shared);
        self.calls.spawn(async move {
            let reply = pending.await;
            match (reply, batch) {
                (None, _) => {}
                (Some(reply), Some(batch)) => batch.push(reply.text),
                (Some(reply), None) => shared.push(reply.text),
            }
            shared.changed.notify_one();
        });
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
    fn notifications_for_a_client_that_does_not_read_are_bounded() {
        let shared = Shared::default();
        // Including the line break, this is half of the limit.
        let half = "x".repeat(NOTIFICATION_BACKLOG / 2 - 1);
        assert!(shared.send(half.clone()));
        assert!(shared.send(half.clone()));
        assert!(!shared.send(half));
        assert_eq!(shared.backlog(), NOTIFICATION_BACKLOG);
    }
}
