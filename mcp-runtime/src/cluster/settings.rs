//! Changes of the settings of sessions, which all replicas must know.

use std::sync::Arc;
use std::time::Duration;

use super::error::ClusterError;
use super::event::{Event, SessionEvent, SessionKey};
use super::sessions::{Changed, Setting, SharedSession};
use super::{Cluster, contained};
use crate::store::{StoreEntry, now};

/// How often a change is attempted while other replicas change the same session.
const ATTEMPTS: usize = 20;

impl Cluster {
    /// Returns what is known of a session, or `None` if it has no settings.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    #[cfg(feature = "http")]
    pub(crate) async fn session(
        &self,
        key: SessionKey,
    ) -> Result<Option<SharedSession>, ClusterError> {
        Ok(self.read_session(key).await?.map(|(_, session)| session))
    }

    /// Changes a session of an account. When this returns, this replica acts by the change, and every other one will before it acts on
    /// any later event.
    ///
    /// # Errors
    /// Returns an error if the store fails. The change may have been made nevertheless.
    pub(crate) async fn change_session(
        self: &Arc<Self>,
        key: SessionKey,
        account: String,
        setting: Setting,
    ) -> Result<Changed, ClusterError> {
        let cluster = Arc::clone(self);
        // It is done to the end even if the request is dropped: the value and the event belong together.
        let changing = tokio::spawn(async move { cluster.change(key, account, &setting).await });
        changing.await.unwrap_or_else(|_| Err(ClusterError::late()))
    }

    async fn change(
        &self,
        key: SessionKey,
        account: String,
        setting: &Setting,
    ) -> Result<Changed, ClusterError> {
        for _ in 0..ATTEMPTS {
            let stored = self.read_session(key).await?;
            let (old, mut session) =
                stored.map_or_else(Default::default, |(old, session)| (Some(old), session));
            let changed = session.apply(setting);
            // The reply to an earlier request to end it may have been lost.
            let ends_again = changed == Changed::Ended && *setting == Setting::Ended;
            if changed != Changed::Done && !ends_again {
                return Ok(changed);
            }
            session.account.clone_from(&account);
            if ends_again || self.write_session(key, old, &session).await? {
                let event = SessionEvent::Settings(session);
                self.in_order(Event::Session(key, event), |_| ()).await?;
                return Ok(Changed::Done);
            }
        }
        Err(ClusterError::contended())
    }

    /// Returns the value of a session, also as it is stored.
    async fn read_session(
        &self,
        key: SessionKey,
    ) -> Result<Option<(Vec<u8>, SharedSession)>, ClusterError> {
        let stored = stored(key);
        let Some(bytes) = contained(|| self.store.get(&stored)).await? else {
            return Ok(None);
        };
        let session =
            serde_json::from_slice(&bytes).map_err(|error| ClusterError::store(&error))?;
        Ok(Some((bytes, session)))
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
        let stored = stored(key);
        match &old {
            Some(old) => contained(|| self.store.replace(&stored, old, entry)).await,
            None => contained(|| self.store.put_if_absent(&stored, entry)).await,
        }
    }
}

/// Returns the key of the value of a session.
fn stored(key: SessionKey) -> String {
    format!("shared-session-{:032x}", u128::from_be_bytes(key.nonce))
}
