//! Messages of clients that other replicas need.

use std::time::Duration;

use super::{Cluster, ClusterError, Event, Letter, SessionEvent, SessionKey, contained, inbox};
use crate::store::{StoreEntry, digest};

/// The time for which it is remembered that a question was answered.
const ANSWERED: Duration = Duration::from_secs(10 * 60);

impl Cluster {
    /// Tells something about a session as soon as the store can be reached.
    ///
    /// # Errors
    /// Returns an error if too many events wait.
    pub(crate) fn tell_session(
        &self,
        key: SessionKey,
        event: SessionEvent,
    ) -> Result<(), ClusterError> {
        let mut outbox = self.outbox.lock();
        if outbox.is_full() {
            return Err(ClusterError::full());
        }
        outbox.push(Event::Session(key, event), None);
        drop(outbox);
        self.news.notify_one();
        Ok(())
    }

    /// Sends the answer to a question of another replica, once for each id.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn send_answer(
        &self,
        replica: &str,
        id: &str,
        letter: &Letter,
    ) -> Result<(), ClusterError> {
        let mark = format!("answered-{}", digest(id));
        if contained(|| self.store.get(&mark)).await?.is_some() {
            tracing::debug!("a response is ignored: its question was answered before");
            return Ok(());
        }
        let number = self.outbox.lock().number();
        self.append(&inbox(replica), number, letter).await?;
        let entry = StoreEntry::new(b"", ANSWERED);
        contained(|| self.store.put_if_absent(&mark, entry)).await?;
        Ok(())
    }
}
