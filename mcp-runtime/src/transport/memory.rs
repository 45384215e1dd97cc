//! Messages within the process: what tests and the command line speak to a server.

use std::sync::{Arc, Mutex, PoisonError};

use crate::protocol::jsonrpc::{Message, error_reply};
use crate::service::{Exchange, Handling, Outbound, Reply, Service, Session};

/// A connection within the process.
pub(crate) struct Memory {
    service: Arc<dyn Service>,
    session: Mutex<Option<Session>>,
    notifications: Arc<Notifications>,
}

#[derive(Default)]
struct Notifications(Mutex<Vec<String>>);

impl Outbound for Notifications {
    fn send(&self, message: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(message);
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
        let limits = self.service.limits();
        let message = match Message::parse(message, limits.depth) {
            Ok(message) => message,
            Err(refused) => return Some(error_reply(refused.id.as_ref(), &refused.error)),
        };
        let handling = self.service.handle(Exchange {
            message,
            session: self.session().clone(),
            headers: None,
            outbound: Arc::clone(&self.notifications) as Arc<dyn Outbound>,
        });
        let reply = match handling {
            Handling::Nothing => return None,
            Handling::Ready(reply) => reply,
            Handling::Pending(future) => future.await,
        };
        Some(self.receive(reply))
    }

    fn receive(&self, reply: Reply) -> String {
        if reply.opened.is_some() {
            *self.session() = reply.opened;
        }
        reply.text
    }

    fn session(&self) -> std::sync::MutexGuard<'_, Option<Session>> {
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
