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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::MemoryStore;

    async fn read(cluster: &Cluster, after: u64, before: u64) -> Vec<Event> {
        let mut events = Vec::new();
        let each = |event: &Event| events.push(event.clone());
        let read = cluster.read_between(after, before, each).await;
        assert!(read.is_ok());
        events
    }

    #[tokio::test]
    async fn the_events_between_two_positions_are_read_again() {
        let cluster = Cluster::new(Arc::new(MemoryStore::default()), 0).unwrap();
        // More than one read returns. One was written twice.
        let numbers: Vec<u64> = (1..=300).chain([300]).collect();
        let event = |number: u64| Event::Resource(number.to_string());
        for number in &numbers {
            let appended = cluster.append(LOG, *number, &event(*number)).await;
            assert!(appended.is_ok());
        }
        let last = cluster.store().last_position(LOG).await.unwrap();
        let start = last - numbers.len() as u64;
        let all: Vec<_> = (1..=300).map(event).collect();
        assert_eq!(read(&cluster, start, last + 1).await, all);
        let some = read(&cluster, start + 10, start + 14).await;
        assert_eq!(some, [event(11), event(12), event(13)]);
        assert_eq!(read(&cluster, last, last + 1).await, []);
        // Positions that the log has lost, or never had.
        for (after, before) in [(1, last), (last + 5, last + 9), (last, last), (last, 7)] {
            let missed = read(&cluster, after, before).await;
            assert_eq!(missed.last(), Some(&Event::Anything), "{after} {before}");
        }
    }
}
