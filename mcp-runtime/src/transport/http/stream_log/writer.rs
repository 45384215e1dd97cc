//! The task that writes the events of a stream to its log.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::super::event_stream::{EventStream, Unlogged};
use super::entry::{Entry, INLINE_BYTES, Owned, key_of};
use super::health::{HEARTBEAT, Health, RETENTION, STORE_TIMEOUT};
use crate::store::{Store, StoreEntry};

/// The pause after a failure of the store. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The time after the grace period of a shutdown, which ends the last calls, in which their streams are written.
const AFTER_GRACE: Duration = Duration::from_millis(100);

/// The writer of the log of one stream. It holds no events: those that the log does not have remain in the stream.
pub(super) struct Writer {
    pub(super) store: Arc<dyn Store>,
    pub(super) health: Arc<Health>,
    pub(super) owned: Owned,
    pub(super) log: String,
    pub(super) events: Arc<EventStream>,
    /// The id of the request that the stream answers, as JSON; `None` for a GET stream and a batch.
    pub(super) request: Option<String>,
    pub(super) is_get_stream: bool,
}

/// The store has failed for longer than it keeps entries.
struct GivenUp;

impl Writer {
    /// Writes until the stream has ended, or until the grace period of the shutdown is over.
    pub(super) async fn run(self, mut stopping: watch::Receiver<bool>, grace: Duration) {
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

    async fn write_all(&self) -> Result<(), GivenUp> {
        let mut written = 0;
        // A stream without events is written at once, too, so that it can be resumed.
        let mut is_new = true;
        loop {
            let unlogged =
                poll_fn(
                    |context| match self.events.poll_unlogged(INLINE_BYTES, context) {
                        Poll::Pending if is_new => Poll::Ready(None),
                        unlogged => unlogged.map(Some),
                    },
                );
            let unlogged = timeout(HEARTBEAT, unlogged).await;
            is_new = false;
            let Ok(Some(unlogged)) = unlogged else {
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
                Unlogged::End(last) if self.is_get_stream => Entry::Closed(last),
                Unlogged::End(last) => Entry::End(last),
                Unlogged::Forgotten(last) => Entry::Gone(last),
            };
            self.append(&last_entry).await?;
            return if is_lost { Err(GivenUp) } else { Ok(()) };
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
                self.store
                    .put_if_absent(&key, StoreEntry::new(event.as_bytes(), RETENTION))
            };
            self.repeat(put).await?;
            self.append(&Entry::Value(number)).await?;
        }
        Ok(())
    }

    /// Appends an entry. It may be in the log twice, if the reply to an attempt was lost; readers know by its number.
    async fn append(&self, entry: &Entry) -> Result<(), GivenUp> {
        let text = self.owned.write(entry, self.request.as_deref());
        let append = || {
            self.store
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
