//! Events that a replica reads again, for a client that has missed them.

use std::time::Duration;

use tokio::time::timeout;

use super::follow::{Seen, envelope, is_new};
use super::{Cluster, ClusterError, Event, LOG, TIME_LIMIT, contained};

impl Cluster {
    /// Returns the position up to which all members of this replica have the events, or `None` while one is being passed on.
    pub(crate) fn settled(&self) -> Option<u64> {
        self.progress.settled()
    }

    /// Calls a function with the events between two positions. If some of them are missing, the last one is [`Event::Anything`].
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn read_between(
        &self,
        after: u64,
        before: u64,
        each: impl FnMut(&Event) + Send,
    ) -> Result<(), ClusterError> {
        let read = timeout(TIME_LIMIT, self.read_all(after, before, each)).await;
        read.unwrap_or_else(|_| Err(ClusterError::late()))
    }

    async fn read_all(
        &self,
        after: u64,
        before: u64,
        mut each: impl FnMut(&Event) + Send,
    ) -> Result<(), ClusterError> {
        let (mut position, mut seen) = (after, Seen::new());
        // A store that has lost its logs begins with lower positions.
        let mut is_missed = after >= before;
        while !is_missed && position + 1 < before {
            let read = contained(|| self.store.read_after(LOG, position, Duration::ZERO)).await?;
            is_missed = read.missed || read.position <= position;
            position = read.position;
            for entry in read.entries.iter().filter(|it| it.position < before) {
                let Some(envelope) = envelope(entry) else {
                    is_missed = true;
                    continue;
                };
                if !is_new(&mut seen, &envelope) {
                    continue;
                }
                match self.content(&envelope).await {
                    Some(event) => each(&event),
                    None => is_missed = true,
                }
            }
        }
        if is_missed {
            each(&Event::Anything);
        }
        Ok(())
    }
}
