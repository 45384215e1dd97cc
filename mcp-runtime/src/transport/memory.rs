//! Messages within the process: what tests and the command line speak to a server.

use std::sync::Arc;

use super::incoming::{self, Incoming, join};
use crate::protocol::jsonrpc::{Message, Refused, error_reply};
use crate::service::{
    Exchange, Handling, Listening, Origin, Outbound, Pending, Reply, Service, next_connection,
};
use crate::session::Session;
use crate::sync::Mutex;

/// How many messages wait for a test to take them.
const MOST_WAITING: usize = 100_000;

/// A connection within the process.
pub(crate) struct Memory {
    service: Arc<dyn Service>,
    connection: u64,
    session: Mutex<Option<(Session, Option<Listening>)>>,
    waiting: Arc<Outbox>,
}

/// What has become of a message at once.
pub(crate) enum Begun {
    Nothing,
    Answered(String),
    Pending(Pending),
}

fn refuse(refused: Refused) -> Begun {
    Begun::Answered(error_reply(refused.id.as_ref(), &refused.error))
}

#[derive(Default)]
struct Outbox(Mutex<Vec<String>>);

impl Outbound for Outbox {
    fn send(&self, message: String) -> bool {
        let mut waiting = self.0.lock();
        let room = waiting.len() < MOST_WAITING;
        if room {
            waiting.push(message);
        }
        room
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl Memory {
    pub(crate) fn new(service: Arc<dyn Service>) -> Self {
        Self {
            service,
            connection: next_connection(),
            session: Mutex::default(),
            waiting: Arc::default(),
        }
    }

    /// Sends one message and waits for the reply, if there is any.
    pub(crate) async fn send(&self, message: Vec<u8>) -> Option<String> {
        match self.read(message) {
            Ok(Incoming::One(message)) => self.finish(self.handle(message)).await,
            Ok(Incoming::Batch(messages)) => {
                let mut replies = Vec::new();
                for message in messages {
                    let begun = message.map_or_else(refuse, |message| self.handle(message));
                    replies.extend(self.finish(begun).await);
                }
                join(&replies)
            }
            Err(refused) => self.finish(refuse(refused)).await,
        }
    }

    /// Sends one message and waits for nothing.
    pub(crate) fn begin(&self, message: Vec<u8>) -> Begun {
        match self.read(message) {
            Ok(Incoming::One(message)) => self.handle(message),
            Ok(Incoming::Batch(_)) => Begun::Nothing,
            Err(refused) => refuse(refused),
        }
    }

    fn read(&self, message: Vec<u8>) -> Result<Incoming, Refused> {
        let session = self.known_session();
        incoming::read(message, self.service.limits().depth, session.as_ref())
    }

    async fn finish(&self, begun: Begun) -> Option<String> {
        match begun {
            Begun::Nothing => None,
            Begun::Answered(text) => Some(text),
            Begun::Pending(pending) => pending.await.map(|reply| self.receive(reply)),
        }
    }

    fn known_session(&self) -> Option<Session> {
        let session = self.session();
        session.as_ref().map(|(session, _)| Arc::clone(session))
    }

    fn handle(&self, message: Arc<Message>) -> Begun {
        let session = self.known_session();
        let handling = self.service.handle(Exchange {
            message,
            origin: Origin::of_connection(self.connection),
            session,
            outbound: Arc::clone(&self.waiting) as Arc<dyn Outbound>,
        });
        match handling {
            Handling::Nothing => Begun::Nothing,
            Handling::Ready(reply) => Begun::Answered(self.receive(reply)),
            Handling::Pending(pending) => Begun::Pending(pending),
        }
    }

    fn receive(&self, reply: Reply) -> String {
        if let Some(session) = reply.opened {
            let outbound = Arc::clone(&self.waiting) as Arc<dyn Outbound>;
            let listening = self.service.listen(&session, outbound);
            *self.session() = Some((session, listening));
        }
        reply.text
    }

    fn session(&self) -> crate::sync::MutexGuard<'_, Option<(Session, Option<Listening>)>> {
        self.session.lock()
    }

    /// The messages of the server that came since they were last asked for, as far as they are wanted.
    pub(crate) fn take_messages(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut waiting = self.waiting.0.lock();
        waiting.extract_if(.., |message| wanted(message)).collect()
    }
}
