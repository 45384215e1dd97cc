//! The in-memory transport, for tests and the command line.

use std::sync::Arc;

use super::incoming::{self, Incoming, Replies};
use crate::protocol::jsonrpc::{Message, Refused, error_reply};
use crate::service::{
    Exchange, Handling, Listening, Origin, Outbound, Pending, Reply, Service, TransportKind,
    next_connection,
};
use crate::session::Session;
use crate::sync::Mutex;

/// The maximum number of messages in the outbox, until a test takes them.
const MAX_QUEUED: usize = 100_000;

/// An in-process connection.
pub(crate) struct Memory {
    service: Arc<dyn Service>,
    connection: u64,
    origin: Origin,
    session: Mutex<Option<(Session, Option<Listening>)>>,
    outbox: Arc<Outbox>,
}

/// The immediate outcome of sending a message.
pub(crate) enum SendStatus {
    Nothing,
    Answered(String),
    Pending(Pending),
}

fn refuse(refused: Refused) -> SendStatus {
    SendStatus::Answered(error_reply(refused.id.as_ref(), &refused.error))
}

#[derive(Default)]
struct Outbox(Mutex<Vec<String>>);

impl Outbound for Outbox {
    fn send(&self, message: String) -> bool {
        let mut outbox = self.0.lock();
        let has_capacity = outbox.len() < MAX_QUEUED;
        if has_capacity {
            outbox.push(message);
        }
        has_capacity
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some((session, _)) = self.session.get_mut() {
            self.service.forget_session(session);
        }
        self.service.forget_connection(self.connection);
    }
}

impl Memory {
    pub(crate) fn new(service: Arc<dyn Service>) -> Self {
        let connection = next_connection();
        Self {
            service,
            connection,
            origin: Origin::of_connection(connection, TransportKind::Memory),
            session: Mutex::default(),
            outbox: Arc::default(),
        }
    }

    /// Sets the origin of all messages, except for its connection and its transport.
    pub(crate) fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = Origin {
            connection: self.origin.connection,
            transport: self.origin.transport,
            ..origin
        };
        self
    }

    /// Cancels the requests of the connection.
    pub(crate) fn close(&self) {
        self.service.cancel(self.connection);
    }

    /// Sends a message or a batch, and waits for the reply if there is one.
    pub(crate) async fn send(&self, message: Vec<u8>) -> Option<String> {
        match self.read(message) {
            Ok(Incoming::One(message)) => self.finish(self.handle(message)).await,
            Ok(Incoming::Batch(messages)) => {
                let mut replies = Replies::default();
                for message in messages {
                    let status = match message {
                        Ok(message) if replies.refuse(&message) => continue,
                        message => message.map_or_else(refuse, |message| self.handle(message)),
                    };
                    if let Some(reply) = self.finish(status).await {
                        replies.push(&reply);
                    }
                }
                replies.take()
            }
            Err(refused) => self.finish(refuse(refused)).await,
        }
    }

    /// Sends a message without outbox for its reply.
    pub(crate) fn start_send(&self, message: Vec<u8>) -> SendStatus {
        match self.read(message) {
            Ok(Incoming::One(message)) => self.handle(message),
            Ok(Incoming::Batch(_)) => SendStatus::Nothing,
            Err(refused) => refuse(refused),
        }
    }

    fn read(&self, message: Vec<u8>) -> Result<Incoming, Refused> {
        let session = self.current_session();
        incoming::read(message, self.service.limits().depth, session.as_ref())
    }

    async fn finish(&self, status: SendStatus) -> Option<String> {
        match status {
            SendStatus::Nothing => None,
            SendStatus::Answered(text) => Some(text),
            SendStatus::Pending(pending) => pending.await.map(|reply| self.receive(reply)),
        }
    }

    fn current_session(&self) -> Option<Session> {
        let session = self.session();
        session.as_ref().map(|(session, _)| Arc::clone(session))
    }

    fn handle(&self, message: Arc<Message>) -> SendStatus {
        let session = self.current_session();
        let handling = self.service.handle(Exchange {
            message,
            origin: self.origin.clone(),
            session,
            outbound: Arc::clone(&self.outbox) as Arc<dyn Outbound>,
        });
        match handling {
            Handling::Nothing => SendStatus::Nothing,
            Handling::Ready(reply) => SendStatus::Answered(self.receive(reply)),
            Handling::Pending(pending) => SendStatus::Pending(pending),
        }
    }

    fn receive(&self, reply: Reply) -> String {
        if let Some(session) = reply.opened {
            let outbound = Arc::clone(&self.outbox) as Arc<dyn Outbound>;
            let listening = self.service.listen(&session, &self.origin, outbound);
            *self.session() = Some((session, listening.ok()));
        }
        reply.text
    }

    fn session(&self) -> crate::sync::MutexGuard<'_, Option<(Session, Option<Listening>)>> {
        self.session.lock()
    }

    /// Removes and returns the messages of the server for which `wanted` returns `true`.
    pub(crate) fn take_messages(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut outbox = self.outbox.0.lock();
        outbox.extract_if(.., |message| wanted(message)).collect()
    }
}
