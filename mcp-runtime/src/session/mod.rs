//! Legacy sessions: what `initialize` state, and what a session asks for later.
//!
//! The latter is kept in memory: it is bounded, and lost at a restart.

mod state;
mod subscriptions;
#[cfg(feature = "http")]
mod tokens;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::{LogLevel, Revision};
use crate::seal::{SealError, random_bytes};
use crate::store::{Bounded, Full, now};
use crate::sync::Mutex;
use state::{OVERHEAD, REMEMBERED};
use subscriptions::Subscriptions;

pub(crate) use state::{Session, SessionState};
#[cfg(feature = "http")]
pub(crate) use tokens::Tokens;

/// How long a session lives, in seconds: a day.
const LIFETIME: u64 = 24 * 60 * 60;

/// How many sessions are kept that have not said that they are initialized; and how many opened tokens.
const CACHED: usize = 1024;

/// The longest name or version of a client that a token keeps, in bytes.
const LONGEST_NAME: usize = 128;

/// What is remembered of sessions.
type SessionStore<T> = Mutex<Bounded<[u8; 16], T>>;

fn memory<T>(sessions: usize) -> SessionStore<T> {
    Mutex::new(Bounded::new(sessions, sessions * OVERHEAD))
}

/// What sessions ask for.
pub(crate) struct Sessions {
    pub(crate) subscriptions: Subscriptions,
    log_levels: SessionStore<LogLevel>,
    /// Sessions that this process opened and whose clients have not said that they are initialized. Whoever waits for
    /// that hears of it when the sender is dropped.
    opening: SessionStore<watch::Sender<()>>,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self {
            subscriptions: Subscriptions::default(),
            log_levels: memory(REMEMBERED),
            opening: memory(CACHED),
        }
    }

    /// A new session, as state by `initialize`.
    pub(crate) fn begin(
        revision: Revision,
        capabilities: ClientCapabilities,
        client: ClientInfo,
    ) -> Result<Session, SealError> {
        Ok(Arc::new(SessionState {
            nonce: random_bytes()?,
            revision,
            capabilities,
            client: ClientInfo {
                name: shortened(client.name),
                version: shortened(client.version),
            },
            expires: now() / 1000 + LIFETIME,
        }))
    }

    /// Forgets a session that is over.
    pub(crate) fn end(&self, session: &SessionState) {
        self.subscriptions.forget(session);
        self.log_levels.lock().remove(&session.nonce);
        self.initialized(session);
    }

    /// Returns the lowest level of log messages that a session asked for.
    pub(crate) fn log_level(&self, session: &SessionState) -> Option<LogLevel> {
        self.log_levels.lock().get(&session.nonce).copied()
    }

    /// Notes the lowest level of log messages that a session wants.
    ///
    /// # Errors
    /// No more can be remembered.
    pub(crate) fn set_log_level(
        &self,
        session: &SessionState,
        level: LogLevel,
    ) -> Result<(), Full> {
        let mut levels = self.log_levels.lock();
        match levels.get_mut(&session.nonce) {
            Some(known) => *known = level,
            None => *levels.hold(session.nonce, session.lease(OVERHEAD), || level)? = level,
        }
        Ok(())
    }

    /// Notes that the client of a new session has still to say that it is initialized. With too many such, the first are
    /// taken as initialized.
    pub(crate) fn greeted(&self, session: &SessionState) {
        let (sender, _) = watch::channel(());
        let mut opening = self.opening.lock();
        opening.cache(session.nonce, session.lease(OVERHEAD), sender);
    }

    /// Notes that the client of a session is initialized.
    pub(crate) fn initialized(&self, session: &SessionState) {
        self.opening.lock().remove(&session.nonce);
    }

    /// Waits until the client of a session is initialized, and tells whether it was in time. Sessions that this process
    /// has not opened are.
    pub(crate) fn wait_for(
        &self,
        nonce: [u8; 16],
        answer_timeout: Duration,
    ) -> impl Future<Output = bool> + Send + use<> {
        let opening = self
            .opening
            .lock()
            .get(&nonce)
            .map(watch::Sender::subscribe);
        async move {
            match opening {
                // Nothing is ever sent: the sender is dropped.
                Some(mut opening) => tokio::time::timeout(answer_timeout, opening.changed())
                    .await
                    .is_ok(),
                None => true,
            }
        }
    }
}

fn shortened(mut text: String) -> String {
    let end = (0..=LONGEST_NAME.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session that is told from others by a number.
    pub(super) fn numbered(number: usize) -> SessionState {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        SessionState {
            nonce,
            ..(*begin()).clone()
        }
    }

    pub(super) fn begin() -> Session {
        let client = ClientInfo {
            name: "é".repeat(100),
            version: "1".to_owned(),
        };
        Sessions::begin(Revision::V2025_06_18, ClientCapabilities::default(), client)
            .expect("the system gives random bytes")
    }

    #[test]
    fn a_full_memory_of_levels_refuses_new_sessions_only() {
        let sessions = Sessions::new();
        for number in 0..REMEMBERED {
            let set = sessions.set_log_level(&numbered(number), LogLevel::Error);
            assert!(set.is_ok());
        }
        let (first, late) = (numbered(0), numbered(REMEMBERED));
        assert!(sessions.set_log_level(&late, LogLevel::Debug).is_err());
        assert!(sessions.set_log_level(&first, LogLevel::Debug).is_ok());
        assert_eq!(sessions.log_level(&first), Some(LogLevel::Debug));
        assert_eq!(sessions.log_level(&late), None);
        // They expire with their sessions.
        sessions.end(&first);
        assert!(sessions.set_log_level(&late, LogLevel::Debug).is_ok());
    }

    #[tokio::test]
    async fn who_waits_for_a_client_to_be_initialized_waits_no_longer_than_that() {
        let sessions = Sessions::new();
        let session = begin();
        let moment = Duration::from_millis(10);
        assert!(sessions.wait_for(session.nonce, moment).await);
        sessions.greeted(&session);
        assert!(!sessions.wait_for(session.nonce, moment).await);
        let waiting = sessions.wait_for(session.nonce, 100 * moment);
        sessions.initialized(&session);
        assert!(waiting.await);
        assert!(sessions.wait_for(session.nonce, moment).await);
    }
}
