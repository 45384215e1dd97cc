//! What replicas know of a session besides its token: whether it has ended, and its settings. It is one value of the store.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cluster, ClusterError, Event, SessionEvent, SessionKey};
use crate::protocol::LogLevel;
use crate::store::{StoreEntry, now};

/// How often a change is attempted while other replicas change the same session.
const ATTEMPTS: usize = 20;

/// The settings of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedSession {
    /// `true` if the client has ended the session.
    pub(crate) ended: bool,
    /// The lowest level of log messages, if it was set.
    pub(crate) level: Option<LogLevel>,
    /// The URIs of the resources that it is subscribed to.
    pub(crate) subscriptions: BTreeSet<String>,
}

impl SharedSession {
    /// Applies a change. Returns `false` if nothing has changed.
    fn apply(&mut self, event: &SessionEvent) -> bool {
        match event {
            SessionEvent::Initialized | SessionEvent::Cancelled(_) | SessionEvent::StreamOpened => {
                false
            }
            SessionEvent::LogLevel(level) => self.level.replace(*level) != Some(*level),
            SessionEvent::Subscribed(uri) => self.subscriptions.insert(uri.clone()),
            SessionEvent::Unsubscribed(uri) => self.subscriptions.remove(uri),
            SessionEvent::Ended => !std::mem::replace(&mut self.ended, true),
        }
    }
}

impl Cluster {
    /// Returns what is known of a session.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn session(&self, key: SessionKey) -> Result<SharedSession, ClusterError> {
        Ok(self.read_session(key).await?.1)
    }

    /// Changes a session, and tells all replicas. When this returns, each of them acts by it sooner than by any later event.
    ///
    /// # Errors
    /// Returns an error if the store fails. The change may have been made nevertheless.
    pub(crate) async fn change_session(
        &self,
        key: SessionKey,
        event: SessionEvent,
    ) -> Result<(), ClusterError> {
        for _ in 0..ATTEMPTS {
            let (old, mut session) = self.read_session(key).await?;
            let is_written =
                !session.apply(&event) || self.write_session(key, old, &session).await?;
            if is_written {
                return self.publish(Event::Session(key, event)).await;
            }
        }
        Err(ClusterError::contended())
    }

    async fn read_session(
        &self,
        key: SessionKey,
    ) -> Result<(Option<Vec<u8>>, SharedSession), ClusterError> {
        let bytes = self.store.get(&key.stored()).await;
        let bytes = bytes.map_err(|error| ClusterError::store(&*error))?;
        let session = bytes.as_deref().map(serde_json::from_slice).transpose();
        let session = session.map_err(|error| ClusterError::store(&error))?;
        Ok((bytes, session.unwrap_or_default()))
    }

    async fn write_session(
        &self,
        key: SessionKey,
        old: Option<Vec<u8>>,
        session: &SharedSession,
    ) -> Result<bool, ClusterError> {
        let bytes = serde_json::to_vec(session).map_err(|error| ClusterError::store(&error))?;
        let rest = key.expires.saturating_mul(1000).saturating_sub(now());
        let entry = StoreEntry::new(&bytes, Duration::from_millis(rest));
        let stored = key.stored();
        let written = match &old {
            Some(old) => self.store.replace(&stored, old, entry).await,
            None => self.store.put_if_absent(&stored, entry).await,
        };
        written.map_err(|error| ClusterError::store(&*error))
    }
}

impl SessionKey {
    fn stored(&self) -> String {
        format!("shared-session-{:032x}", u128::from_be_bytes(self.nonce))
    }
}
