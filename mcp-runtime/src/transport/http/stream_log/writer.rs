//! The task that writes the events of a stream to its log.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::super::event_stream::{EventStream, Unlogged};
use super::entry::{About, Entry, INLINE_BYTES, Owned, key_of};
use super::health::{HEARTBEAT, Health, RETENTION, STORE_TIMEOUT};
use crate::cluster::Cluster;
use crate::store::StoreEntry;

/// The pause after a failure of the store. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The time after the grace period of a shutdown, which ends the last calls, in which their streams are written.
const AFTER_GRACE: Duration = Duration::from_millis(100);

/// The writer of the log of one stream. It holds no events: those that the log does not have remain in the stream.
pub(super) struct Writer {
    pub(super) cluster: Arc<Cluster>,
    pub(super) health: Arc<Health>,
    pub(super) owned: Owned,
    pub(super) log: String,
    pub(super) events: Arc<EventStream>,
    pub(super) about: About,
}

/// The store has failed for longer than it keeps entries.
struct GivenUp;

impl Writer {
    /// Writes until the stream has ended, or until the grace period of the shutdown is over.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>, grace: Duration) {
        let is_stopped = async {
            // Without a sender, the server has ended, too.
            let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
            sleep(grace + AFTER_GRACE).await;
        };
        let is_written = tokio::select! {
            written = self.write_all() => written.is_ok(),
            () = is_stopped => false,
        };
        self.events.stop_log();
        if !is_written {
            tracing::warn!(
                "the last events of a stream are not in the store of the cluster: its client cannot resume it"
            );
        }
    }

    async fn write_all(&mut self) -> Result<(), GivenUp> {
        let mut written = 0;
        // A stream without events is written at once, too, so that it can be resumed.
        let mut is_due = true;
        loop {
            let unlogged = poll_fn(|context| self.poll_unlogged(is_due, context));
            let unlogged = timeout(HEARTBEAT, unlogged).await;
            is_due = unlogged.is_err();
            let Ok(unlogged) = unlogged else {
                continue;
            };
            let Some(unlogged) = unlogged else {
                self.append(&Entry::Alive(written)).await?;
                continue;
            };
            let is_lost = matches!(unlogged, Unlogged::Lost);
            let last_entry = match unlogged {
                Unlogged::Events(first, events, _held) => {
                    written = first - 1 + events.len() as u64;
                    self.write(first, events).await?;
                    self.events.mark_logged(written);
                    continue;
                }
                Unlogged::Lost => Entry::Gone(written),
                Unlogged::End(last) => Entry::End(last),
                Unlogged::Forgotten(last) => Entry::Gone(last),
            };
            self.append(&last_entry).await?;
            return if is_lost { Err(GivenUp) } else { Ok(()) };
        }
    }

    /// Waits for something that the log does not have. Returns `None` if there is nothing and the next heartbeat is due.
    ///
    /// Of a GET stream it records which changes of the server the log has then: all those up to a position, and no later ones.
    fn poll_unlogged(&mut self, is_due: bool, context: &mut Context<'_>) -> Poll<Option<Unlogged>> {
        let before = self.cluster.settled();
        let unlogged = self.events.poll_unlogged(INLINE_BYTES, context);
        let has_all = match &unlogged {
            Poll::Pending => is_due,
            Poll::Ready(Unlogged::Events(first, events, _)) => {
                self.events.is_open_at(first - 1 + events.len() as u64)
            }
            Poll::Ready(_) => false,
        };
        if has_all && matches!(self.about, About::Changes(_)) {
            let Some(position) = before.filter(|_| before == self.cluster.settled()) else {
                // A change is being passed on, which takes a moment.
                context.waker().wake_by_ref();
                return Poll::Pending;
            };
            self.about = About::Changes(position);
        }
        match unlogged {
            Poll::Pending if is_due => Poll::Ready(None),
            unlogged => unlogged.map(Some),
        }
    }

    /// Writes events that fit into one entry, or one event of any size.
    async fn write(&self, first: u64, events: Vec<String>) -> Result<(), GivenUp> {
        let is_large = events.iter().map(String::len).sum::<usize>() > INLINE_BYTES;
        if !is_large {
            return self.append(&Entry::Events(first, events)).await;
        }
        for (number, event) in (first..).zip(events) {
            let key = key_of(&self.log, number);
            // If there is a value already, an attempt succeeded whose reply was lost.
            let put = || {
                self.cluster
                    .store()
                    .put_if_absent(&key, StoreEntry::new(event.as_bytes(), RETENTION))
            };
            self.repeat(put).await?;
            self.append(&Entry::Value(number)).await?;
        }
        Ok(())
    }

    /// Appends an entry. It may be in the log twice, if the reply to an attempt was lost; readers know by its number.
    async fn append(&self, entry: &Entry) -> Result<(), GivenUp> {
        let text = self.owned.write(entry, &self.about);
        let append = || {
            self.cluster
                .store()
                .append(&self.log, StoreEntry::new(text.as_bytes(), RETENTION))
        };
        self.repeat(append).await?;
        Ok(())
    }

    /// Repeats an operation until it succeeds, with growing pauses, as long as the store would keep the entries before.
    async fn repeat<'a, T>(
        &self,
        mut operation: impl FnMut() -> crate::store::StoreFuture<'a, T>,
    ) -> Result<T, GivenUp> {
        let deadline = Instant::now() + RETENTION;
        let mut pause = FIRST_PAUSE;
        loop {
            match timeout(STORE_TIMEOUT, operation()).await {
                Ok(Ok(done)) => {
                    self.health.is_well();
                    return Ok(done);
                }
                Ok(Err(error)) => self.health.failed(&*error),
                Err(elapsed) => self.health.failed(&elapsed),
            }
            if Instant::now() + pause > deadline {
                return Err(GivenUp);
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }
}
