//! The readers of the log of events, and of the letters to this replica.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::event::{Body, Envelope};
use super::{Cluster, ClusterError, LOG, Member, contained, inbox};
use crate::store::{LogEntry, LogRead};

/// The time for which one read waits for an entry.
const WAIT: Duration = Duration::from_secs(20);

/// The first and the longest pause after a read that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The maximum number of senders whose last entries are known.
const MAX_SENDERS: usize = 1024;

/// The numbers of the last entries of each sender.
pub(super) type Seen = BTreeMap<String, u64>;

impl Cluster {
    /// Passes all events to the members, in the order of the log.
    pub(super) async fn follow_events(&self) {
        let (mut position, mut seen) = (self.progress.begin(), Seen::new());
        while let Some(read) = self.read(LOG, position).await {
            let mut missed = read.missed;
            for entry in read.entries {
                let Some(envelope) = envelope(&entry) else {
                    missed = true;
                    continue;
                };
                if !is_new(&mut seen, &envelope) {
                    continue;
                }
                let Some(event) = self.content(&envelope).await else {
                    missed = true;
                    continue;
                };
                self.progress.begins(entry.position);
                let own = (envelope.from == self.replica).then_some(envelope.number);
                self.each_member(|member| member.receive(own, &event));
                if let Some(act) = own.and_then(|number| self.actions.lock().remove(&number)) {
                    act(entry.position);
                }
                self.progress.ends(entry.position);
            }
            position = read.position;
            self.progress.begins(position);
            if missed {
                self.miss();
            }
            self.progress.ends(position);
        }
    }

    /// Passes all letters to the members.
    pub(super) async fn follow_letters(&self) {
        let (log, mut position) = (inbox(&self.replica), 0);
        while let Some(read) = self.read(&log, position).await {
            let mut missed = read.missed;
            for entry in read.entries {
                let envelope = envelope(&entry);
                let Some(envelope) = envelope else {
                    missed = true;
                    continue;
                };
                match self.content(&envelope).await {
                    Some(letter) => self.each_member(|member| member.receive_letter(&letter)),
                    None => missed = true,
                }
                if let Body::At(key) = &envelope.body
                    && let Err(error) = contained(|| self.store.remove(key)).await
                {
                    tracing::debug!(%error, "a letter that was read expires later");
                }
            }
            position = read.position;
            if missed {
                tracing::warn!("some answers to questions were lost in the store of the replicas");
            }
        }
    }

    /// Reads a log, again and again while the store fails. Returns `None` when the server is gone.
    async fn read(&self, log: &str, after: u64) -> Option<LogRead> {
        let mut pause = FIRST_PAUSE;
        while self.has_members() {
            match contained(|| self.store.read_after(log, after, WAIT)).await {
                Ok(read) => return Some(read),
                Err(error) => self.wait_after(&error, &mut pause).await,
            }
        }
        None
    }

    async fn wait_after(&self, error: &ClusterError, pause: &mut Duration) {
        tracing::warn!(%error, "changes of other replicas are noticed later");
        sleep(*pause).await;
        *pause = LONGEST_PAUSE.min(2 * *pause);
    }

    /// Acts as if anything had changed.
    fn miss(&self) {
        tracing::warn!("some events of other replicas were missed: anything may have changed");
        // The events of these may be among those that were missed. Dropping an action tells the one who waits for it.
        let actions = std::mem::take(&mut *self.actions.lock());
        drop(actions);
        self.each_member(Member::missed);
    }

    /// Returns the content of an entry, or `None` if it is missing or unknown.
    pub(super) async fn content<T: DeserializeOwned>(&self, envelope: &Envelope) -> Option<T> {
        let key = match &envelope.body {
            Body::Here(content) => return serde_json::from_str(content.get()).ok(),
            Body::At(key) => key,
        };
        let mut pause = FIRST_PAUSE;
        while self.has_members() {
            match contained(|| self.store.get(key)).await {
                Ok(bytes) => return serde_json::from_slice(&bytes?).ok(),
                Err(error) => self.wait_after(&error, &mut pause).await,
            }
        }
        None
    }
}

pub(super) fn envelope(entry: &LogEntry) -> Option<Envelope> {
    serde_json::from_slice(&entry.value).ok()
}

/// Returns `true` if an entry was not read before.
pub(super) fn is_new(seen: &mut Seen, envelope: &Envelope) -> bool {
    if seen.len() >= MAX_SENDERS && !seen.contains_key(&envelope.from) {
        seen.pop_first();
    }
    let last = seen.entry(envelope.from.clone()).or_default();
    let is_new = envelope.number > *last;
    *last = envelope.number.max(*last);
    is_new
}
