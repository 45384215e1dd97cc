//! The readers of the log of events, and of the letters to this replica.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::event::{Body, Envelope};
use super::{Cluster, LOG, inbox};
use crate::store::LogEntry;

/// The time for which one read waits for an entry.
const WAIT: Duration = Duration::from_secs(20);

/// The first and the longest pause after a read that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The maximum number of senders whose last entries are known.
const MAX_SENDERS: usize = 1024;

/// The numbers of the last entries of each sender.
type Seen = BTreeMap<String, u64>;

/// An entry whose content is missing or unknown.
struct Unreadable;

impl Cluster {
    /// Passes all events to the members, in the order of the log.
    pub(super) async fn follow_events(&self) {
        self.follow(LOG, self.begin, |envelope, event| {
            let own = (envelope.from == self.replica).then_some(envelope.number);
            self.each_member(|member| member.receive(own, &event));
            if let Some(act) = own.and_then(|number| self.actions.lock().remove(&number)) {
                act();
            }
        })
        .await;
    }

    /// Passes all letters to the members.
    pub(super) async fn follow_letters(&self) {
        let log = inbox(&self.replica);
        self.follow(&log, 0, |_, letter| {
            self.each_member(|member| member.receive_letter(&letter));
        })
        .await;
    }

    async fn follow<T: DeserializeOwned>(
        &self,
        log: &str,
        mut position: u64,
        receive: impl Fn(&Envelope, T),
    ) {
        let (mut seen, mut pause) = (Seen::new(), FIRST_PAUSE);
        while self.has_members() {
            let read = match self.store.read_after(log, position, WAIT).await {
                Ok(read) => read,
                Err(error) => {
                    tracing::warn!(%error, "the store of the replicas fails: changes are noticed later");
                    tokio::time::sleep(pause).await;
                    pause = LONGEST_PAUSE.min(2 * pause);
                    continue;
                }
            };
            pause = FIRST_PAUSE;
            if read.missed {
                tracing::warn!(
                    "some events of other replicas were missed: anything may have changed"
                );
                self.miss();
            }
            for entry in read.entries {
                match self.open(&mut seen, entry).await {
                    Ok(Some((envelope, content))) => receive(&envelope, content),
                    Ok(None) => {}
                    Err(Unreadable) => {
                        tracing::warn!(
                            "an event of another replica cannot be read: anything may have changed"
                        );
                        self.miss();
                    }
                }
            }
            position = read.position;
        }
    }

    /// Acts as if anything had changed.
    fn miss(&self) {
        // The events of these may be among those that were missed. Dropping an action tells the one who waits for it.
        let actions = std::mem::take(&mut *self.actions.lock());
        drop(actions);
        self.each_member(|member| member.missed());
    }

    /// Returns an entry with its content, or `None` if it was read before.
    async fn open<T: DeserializeOwned>(
        &self,
        seen: &mut Seen,
        entry: LogEntry,
    ) -> Result<Option<(Envelope, T)>, Unreadable> {
        let envelope: Envelope = serde_json::from_slice(&entry.value).map_err(|_| Unreadable)?;
        if seen.len() >= MAX_SENDERS && !seen.contains_key(&envelope.from) {
            seen.pop_first();
        }
        let last = seen.entry(envelope.from.clone()).or_default();
        if envelope.is_ordered && envelope.number <= *last {
            return Ok(None);
        }
        *last = envelope.number;
        let content = match &envelope.body {
            Body::Here(content) => serde_json::from_str(content.get()),
            Body::At(key) => {
                let bytes = self.store.get(key).await.ok().flatten();
                serde_json::from_slice(&bytes.ok_or(Unreadable)?)
            }
        };
        Ok(Some((envelope, content.map_err(|_| Unreadable)?)))
    }
}
