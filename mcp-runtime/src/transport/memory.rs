//! Messages within the process: what tests and the command line speak to a server.

use std::sync::{Arc, Mutex, PoisonError};

use crate::protocol::jsonrpc::{Message, error_reply};
use crate::service::{Exchange, Handling, Listening, Outbound, Pending, Reply, Service};
use crate::session::Session;

/// How many notifications wait for a test to take them.
const MOST_WAITING: usize = 100_000;

/// A connection within the process.
pub(crate) struct Memory {
    service: Arc<dyn Service>,
    session: Mutex<Option<(Session, Option<Listening>)>>,
    notifications: Arc<Notifications>,
}

/// What has become of a message at once.
pub(crate) enum Begun {
    Nothing,
    Answered(String),
    Pending(Pending),
}

#[derive(Default)]
struct Notifications(Mutex<Vec<String>>);

impl Outbound for Notifications {
    fn send(&self, message: String) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
            session: Mutex::default(),
            notifications: Arc::default(),
        }
    }

    /// Sends one message and waits for the reply, if there is any.
    pub(crate) async fn send(&self, message: Vec<u8>) -> Option<String> {
        match self.begin(message) {
            Begun::Nothing => None,
            Begun::Answered(text) => Some(text),
            Begun::Pending(pending) => Some(self.receive(pending.future.await)),
        }
    }

    /// Sends one message and waits for nothing.
    pub(crate) fn begin(&self, message: Vec<u8>) -> Begun {
        let limits = self.service.limits();
        let message = match Message::parse(message, limits.depth) {
            Ok(message) => message,
            Err(refused) => {
                return Begun::Answered(error_reply(refused.id.as_ref(), &refused.error));
            }
        };
        let session = self
            .session()
            .as_ref()
            .map(|(session, _)| Arc::clone(session));
        let handling = self.service.handle(Exchange {
            message,
            session,
            headers: None,
            outbound: Arc::clone(&self.notifications) as Arc<dyn Outbound>,
        });
        match handling {
            Handling::Nothing => Begun::Nothing,
            Handling::Ready(reply) => Begun::Answered(self.receive(reply)),
            Handling::Pending(pending) => Begun::Pending(pending),
        }
    }

    fn receive(&self, reply: Reply) -> String {
        if let Some(session) = reply.opened {
            let outbound = Arc::clone(&self.notifications) as Arc<dyn Outbound>;
            let listening = self.service.listen(&session, outbound);
            *self.session() = Some((session, listening));
        }
        reply.text
    }

    fn session(&self) -> std::sync::MutexGuard<'_, Option<(Session, Option<Listening>)>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The notifications that came since this was last asked.
    pub(crate) fn take_notifications(&self) -> Vec<String> {
        let mut notifications = self
            .notifications
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *notifications)
    }
}
