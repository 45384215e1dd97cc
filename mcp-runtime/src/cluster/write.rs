//! The writer: it appends the events of this replica to the log, one after another.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::to_raw_value;
use tokio::time::timeout;

use super::event::{Body, Envelope};
use super::outbox::Waiting;
use super::{Cluster, ClusterError, EVENT_TTL, LOG, contained};
use crate::store::StoreEntry;

/// The largest content of an entry of a log, in bytes. A larger one is a value of its own.
const LARGEST: usize = 60 << 10;

/// The first and the longest pause before an event is told again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The longest time without a look at whether the server still exists.
const IDLE: Duration = Duration::from_secs(20);

impl Cluster {
    /// Tells the events of the outbox until it is closed and empty.
    pub(super) async fn write(&self) {
        loop {
            let next = self.outbox.lock().take();
            match next {
                Some(Waiting {
                    number,
                    event,
                    done: Some(done),
                }) => {
                    // The one who waited for it may be gone.
                    let _ = done.send(self.append(LOG, number, &event).await);
                }
                Some(Waiting {
                    number,
                    event,
                    done: None,
                }) => {
                    let mut pause = FIRST_PAUSE;
                    while let Err(error) = self.append(LOG, number, &event).await {
                        tracing::warn!(%error, "the other replicas are told of a change later");
                        // These would only wait, because events are told in their order.
                        self.outbox.lock().fail(&error);
                        tokio::time::sleep(pause).await;
                        pause = LONGEST_PAUSE.min(2 * pause);
                        if !self.has_members() {
                            return;
                        }
                    }
                }
                None if self.outbox.lock().is_done() => return,
                None if !self.has_members() => return,
                None => {
                    // Nobody tells that a server was dropped.
                    let _ = timeout(IDLE, self.news.notified()).await;
                }
            }
        }
    }

    /// Appends an entry to a log.
    pub(super) async fn append(
        &self,
        log: &str,
        number: u64,
        content: &impl Serialize,
    ) -> Result<(), ClusterError> {
        let content = to_raw_value(content).map_err(|error| ClusterError::store(&error))?;
        let body = if content.get().len() <= LARGEST {
            Body::Here(content)
        } else {
            let key = format!("event-{}-{number}", self.replica);
            let entry = StoreEntry::new(content.get().as_bytes(), EVENT_TTL);
            // If there is one already, it is the same.
            contained(|| self.store.put_if_absent(&key, entry)).await?;
            Body::At(key)
        };
        let from = self.replica.clone();
        let envelope = serde_json::to_vec(&Envelope { from, number, body });
        let envelope = envelope.map_err(|error| ClusterError::store(&error))?;
        let entry = StoreEntry::new(&envelope, EVENT_TTL);
        contained(|| self.store.append(log, entry)).await?;
        Ok(())
    }
}
