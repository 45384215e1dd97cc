//! The recent calls of an owner, as all replicas count them: one number in their store.

use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::{sleep, timeout};

use crate::owner::Owner;
use crate::store::{Store, StoreEntry, system_time};

/// How often a change is attempted, if other replicas change the number at the same time.
const ATTEMPTS: u32 = 16;

/// The time to count a call.
const COUNT_TIME: Duration = Duration::from_secs(5);

/// The time for which an entry is kept longer than needed: the clocks of replicas can differ.
const SLACK: Duration = Duration::from_secs(60);

/// The rate of one owner. All times are in microseconds.
pub(super) struct SharedRate<'a> {
    pub(super) key: &'a str,
    pub(super) owner: &'a Owner,
    /// The time between two calls.
    pub(super) interval: u64,
    /// The time of the calls that an owner may send at once, besides the first.
    pub(super) tolerance: u64,
}

/// The state of an owner after a call was counted or refused.
pub(super) struct SharedCount {
    /// The time after which the owner has no recent calls any more.
    pub(super) free_in: u64,
    /// The time to wait, if the call was refused.
    pub(super) wait: Option<u64>,
}

impl SharedRate<'_> {
    /// Counts a call, unless the limit is reached.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if other replicas change the number all the time.
    pub(super) async fn count(
        &self,
        store: &dyn Store,
    ) -> Result<SharedCount, Box<dyn Error + Send + Sync>> {
        let counting = async {
            for attempt in 0..ATTEMPTS {
                if let Some(count) = self.try_count(store).await? {
                    return Ok(count);
                }
                sleep(Duration::from_millis(attempt.into())).await;
            }
            Err(format!(
                "other replicas changed the entry `{}` {ATTEMPTS} times",
                self.key
            )
            .into())
        };
        let counted = timeout(COUNT_TIME, counting).await;
        counted.unwrap_or_else(|_| Err(format!("no answer in {} s", COUNT_TIME.as_secs()).into()))
    }

    /// Counts a call. Returns `None` if another replica changed the number meanwhile.
    async fn try_count(
        &self,
        store: &dyn Store,
    ) -> Result<Option<SharedCount>, Box<dyn Error + Send + Sync>> {
        let found = store.get(self.key).await?;
        let now = microseconds_since_1970();
        // The number never decreases, whatever the clock of this replica says.
        let free_at = match &found {
            Some(value) => self.read(value)?.max(now),
            None => now,
        };
        let wait = free_at.saturating_sub(self.tolerance).saturating_sub(now);
        if wait > 0 {
            return Ok(Some(SharedCount {
                free_in: free_at - now,
                wait: Some(wait),
            }));
        }
        let free_at = free_at.saturating_add(self.interval);
        let value = free_at.to_string();
        let free_in = free_at - now;
        let entry = StoreEntry {
            value: value.as_bytes(),
            time_to_live: Duration::from_micros(free_in).saturating_add(SLACK),
            owner: self.owner.clone(),
        };
        let changed = match &found {
            Some(old) => store.replace(self.key, old, entry).await?,
            None => store.put_if_absent(self.key, entry).await?,
        };
        let wait = None;
        Ok(changed.then_some(SharedCount { free_in, wait }))
    }

    fn read(&self, value: &[u8]) -> Result<u64, String> {
        let number = std::str::from_utf8(value).ok();
        let number = number.and_then(|number| number.parse().ok());
        number.ok_or_else(|| format!("the entry `{}` is not a number", self.key))
    }
}

fn microseconds_since_1970() -> u64 {
    let since = system_time().duration_since(UNIX_EPOCH);
    since.map_or(0, microseconds)
}

/// Returns a duration in microseconds, or `u64::MAX` if it is longer than that.
pub(super) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
