//! Legacy sessions: the state that `initialize` negotiates, and the settings of a session.
//!
//! The settings (log levels and subscriptions) are kept in bounded memory and lost at a restart.

mod state;
mod subscriptions;
#[cfg(feature = "http")]
mod tokens;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::cluster::{Setting, SharedSession};
use crate::owner::{Owner, Principal};
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::{LogLevel, Revision};
use crate::seal::{SealError, random_bytes};
use crate::store::{Bounded, Capacity, Full, now};
use crate::sync::Mutex;
use crate::uri_template::Uri;
use state::{OVERHEAD, REMEMBERED};
use subscriptions::Subscriptions;

pub(crate) use state::{Session, SessionState};
#[cfg(feature = "http")]
pub(crate) use tokens::Tokens;

/// The lifetime of a session, in seconds: one day.
const LIFETIME: u64 = 24 * 60 * 60;

/// The maximum number of cached sessions that are not yet initialized, and of cached tokens.
const CACHED: usize = 1024;

/// The longest name or version of a client that a token keeps, in bytes.
const LONGEST_NAME: usize = 128;

/// Values of sessions, by nonce.
type SessionStore<T> = Mutex<Bounded<[u8; 16], T>>;

fn session_store<T>(sessions: usize) -> SessionStore<T> {
    Mutex::new(Bounded::new(sessions, sessions * OVERHEAD).shared())
}

/// The settings of sessions.
pub(crate) struct Sessions {
    pub(crate) subscriptions: Subscriptions,
    log_levels: SessionStore<LogLevel>,
    /// Sessions that this process opened and whose clients have not sent `notifications/initialized`. Dropping the sender
    /// wakes the tasks that wait for it.
    opening: SessionStore<watch::Sender<()>>,
    /// The versions of the settings that all replicas have.
    versions: SessionStore<u64>,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self {
            subscriptions: Subscriptions::default(),
            log_levels: session_store(REMEMBERED),
            opening: session_store(CACHED),
            versions: session_store(REMEMBERED),
        }
    }

    /// Returns a new session, as negotiated by `initialize`.
    pub(crate) fn begin(
        revision: Revision,
        capabilities: ClientCapabilities,
        client: ClientInfo,
        principal: Option<Principal>,
    ) -> Result<Session, SealError> {
        Ok(Arc::new(SessionState {
            nonce: random_bytes()?,
            revision,
            capabilities,
            client: ClientInfo {
                name: truncated(client.name),
                version: truncated(client.version),
                apps: capabilities.apps,
            },
            principal,
            expires: now() / 1000 + LIFETIME,
        }))
    }

    /// Removes everything that is stored for a session that has ended.
    pub(crate) fn end(&self, session: &SessionState) {
        self.subscriptions.forget(session);
        self.log_levels.lock().remove(&session.nonce);
        self.versions.lock().remove(&session.nonce);
        self.initialized(session);
    }

    /// Returns the lowest level of log messages that a session asked for.
    pub(crate) fn log_level(&self, session: &SessionState) -> Option<LogLevel> {
        self.log_levels.lock().get(&session.nonce).copied()
    }

    /// Sets the lowest level of log messages that a session of an account wants.
    ///
    /// # Errors
    /// Returns an error if the store is full, or the share of the account.
    pub(crate) fn set_log_level(
        &self,
        session: &SessionState,
        account: Owner,
        level: LogLevel,
    ) -> Result<(), Full> {
        let mut levels = self.log_levels.lock();
        if let Some(known) = levels.get_mut(&session.nonce) {
            *known = level;
        } else {
            let lease = session.lease(account, OVERHEAD);
            levels.hold(session.nonce, lease, || level)?;
        }
        Ok(())
    }

    /// Replaces the settings of a session by those that all replicas have, unless later ones are known.
    ///
    /// # Errors
    /// Returns an error if the store is full, or the share of the account.
    pub(crate) fn restore(
        &self,
        session: &SessionState,
        shared: &SharedSession,
    ) -> Result<(), Full> {
        // The lock is held, so that the last state that is restored is the latest one.
        let mut versions = self.versions.lock();
        let is_later = |known: &u64| *known >= shared.version;
        if versions.get(&session.nonce).is_some_and(is_later) {
            return Ok(());
        }
        let account = account_elsewhere(&shared.account);
        self.subscriptions
            .replace(session, account.clone(), &shared.subscriptions)?;
        if let Some(level) = shared.level {
            self.set_log_level(session, account, level)?;
        }
        let lease = session.lease(Owner::Local, OVERHEAD);
        versions.cache(session.nonce, lease, shared.version);
        Ok(())
    }

    /// Checks that the settings of a session of an account may be kept, before all replicas are told of them.
    ///
    /// # Errors
    /// Returns an error if the store is full, or the share of the account.
    pub(crate) fn check(
        &self,
        session: &SessionState,
        account: &Owner,
        setting: &Setting,
    ) -> Result<(), Full> {
        let account = account_elsewhere(&account.key());
        match setting {
            Setting::LogLevel(_) => {
                let mut levels = self.log_levels.lock();
                if levels.get(&session.nonce).is_none() {
                    let (entries, bytes) = (1, OVERHEAD);
                    levels.check(&account, Capacity { entries, bytes })?;
                }
                Ok(())
            }
            Setting::Subscribed(uri, _) => {
                self.subscriptions.check(session, &account, &Uri::new(uri))
            }
            Setting::Unsubscribed(_) | Setting::Ended => Ok(()),
        }
    }

    /// Records that the clients of all sessions are initialized: a replica that was told so may not have told this one.
    pub(crate) fn all_initialized(&self) {
        // Dropping the senders wakes those who wait.
        *self.opening.lock() = Bounded::new(CACHED, CACHED * OVERHEAD).shared();
    }

    /// Records that the client of a new session    /// Records that the client of a new session has not sent `notifications/initialized` yet. If the cache is full, the
    /// oldest session in it counts as initialized.
    pub(crate) fn expect_initialized(&self, session: &SessionState) {
        let (sender, _) = watch::channel(());
        let mut opening = self.opening.lock();
        opening.cache(session.nonce, session.lease(Owner::Local, OVERHEAD), sender);
    }

    /// Records that the client of a session is initialized.
    pub(crate) fn initialized(&self, session: &SessionState) {
        self.opening.lock().remove(&session.nonce);
    }

    /// Waits until the client of a session is initialized. Returns `false` after the timeout. A session that this
    /// process did not open counts as initialized.
    pub(crate) fn wait_until_initialized(
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
                // Nothing is ever sent: the wait ends when the sender is dropped.
                Some(mut opening) => tokio::time::timeout(answer_timeout, opening.changed())
                    .await
                    .is_ok(),
                None => true,
            }
        }
    }
}

/// Returns the owner that stands for an account in the settings that all replicas have.
pub(crate) fn account_elsewhere(key: &str) -> Owner {
    Owner::Principal(Principal::new(key))
}

fn truncated(mut text: String) -> String {
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

    /// Returns a session with a nonce made from a number.
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
            apps: false,
        };
        Sessions::begin(
            Revision::V2025_06_18,
            ClientCapabilities::default(),
            client,
            None,
        )
        .expect("the system provides random bytes")
    }

    #[test]
    fn a_full_memory_of_levels_refuses_new_sessions_only() {
        let sessions = Sessions::new();
        for number in 0..REMEMBERED {
            let set = sessions.set_log_level(&numbered(number), Owner::Local, LogLevel::Error);
            assert!(set.is_ok());
        }
        let (first, late) = (numbered(0), numbered(REMEMBERED));
        assert!(
            sessions
                .set_log_level(&late, Owner::Local, LogLevel::Debug)
                .is_err()
        );
        assert!(
            sessions
                .set_log_level(&first, Owner::Local, LogLevel::Debug)
                .is_ok()
        );
        assert_eq!(sessions.log_level(&first), Some(LogLevel::Debug));
        assert_eq!(sessions.log_level(&late), None);
        // The end of a session frees its entry.
        sessions.end(&first);
        assert!(
            sessions
                .set_log_level(&late, Owner::Local, LogLevel::Debug)
                .is_ok()
        );
    }

    #[tokio::test]
    async fn who_waits_for_a_client_to_be_initialized_waits_no_longer_than_that() {
        let sessions = Sessions::new();
        let session = begin();
        let nonce = session.nonce;
        let limit = Duration::from_millis(10);
        assert!(sessions.wait_until_initialized(nonce, limit).await);
        sessions.expect_initialized(&session);
        assert!(!sessions.wait_until_initialized(nonce, limit).await);
        let waiting = sessions.wait_until_initialized(nonce, 100 * limit);
        sessions.initialized(&session);
        assert!(waiting.await);
        assert!(sessions.wait_until_initialized(nonce, limit).await);
    }
}
