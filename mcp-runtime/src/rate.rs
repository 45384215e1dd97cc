//! Rate limits by the generic cell rate algorithm: one number in memory for each owner.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::owner::Owner;
use crate::store::{Bounded, Lease, now};
use crate::sync::Mutex;

/// The maximum number of owners whose recent calls are counted. Beyond it, those that called least are forgotten first.
const OWNERS: usize = 10_000;

/// The memory of one owner, in bytes.
const ENTRY_BYTES: usize = 200;

/// A limit on the number of calls in a time, for each caller separately.
///
/// A caller is the [principal](crate::Principal), or else the session, or else the address; all local callers of a server
/// count as one. A caller may use the calls of the whole time at once, and then one call whenever its share of the time has
/// passed: with `per_minute(10)`, ten calls, and then one every six seconds.
///
/// [`Server::rate_limit`](crate::Server::rate_limit) limits all requests of a server. As a layer, it limits the calls that pass
/// this layer or a clone of it together, such as those of one component:
///
/// ```
/// use mcp_runtime::{RateLimit, prelude::*};
///
/// /// Send an e-mail.
/// #[tool(layer = RateLimit::per_minute(10).burst(3))]
/// async fn send(to: String, text: String) -> String {
///     format!("Sent {} characters to {to}", text.len())
/// }
/// ```
#[derive(Clone)]
pub struct RateLimit {
    /// The time between two calls, in microseconds. Zero if there is no limit.
    interval: u64,
    burst: u32,
    /// The time 0 of this limit.
    begin: Instant,
    /// The time, in microseconds, at which an owner has no recent calls any more.
    owners: Arc<Mutex<Bounded<Owner, u64>>>,
}

impl RateLimit {
    /// Allows this many calls a second, and at least one.
    pub fn per_second(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(1))
    }

    /// Allows this many calls a minute, and at least one.
    pub fn per_minute(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(60))
    }

    /// Allows this many calls an hour, and at least one.
    pub fn per_hour(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(60 * 60))
    }

    /// Allows all calls.
    pub fn unlimited() -> Self {
        Self {
            interval: 0,
            ..Self::per_second(1)
        }
    }

    /// Sets the number of calls that a caller without recent calls may send at once, and at least one.
    pub fn burst(mut self, calls: u32) -> Self {
        self.burst = calls.max(1);
        self
    }

    fn new(calls: u32, time: Duration) -> Self {
        let calls = calls.max(1);
        let interval = microseconds(time) / u64::from(calls);
        Self {
            interval: interval.max(1),
            burst: calls,
            begin: Instant::now(),
            owners: Arc::new(Mutex::new(Bounded::new(OWNERS, OWNERS * ENTRY_BYTES))),
        }
    }

    /// Counts a call of an owner.
    ///
    /// # Errors
    /// Returns the time to wait if the limit is reached. The call is not counted then.
    pub(crate) fn count(&self, owner: &Owner) -> Result<(), Duration> {
        if self.interval == 0 {
            return Ok(());
        }
        let now = microseconds(self.begin.elapsed());
        let mut owners = self.owners.lock();
        let free_at = owners.get(owner).copied().unwrap_or(0).max(now);
        let tolerance = self.interval.saturating_mul(u64::from(self.burst - 1));
        let allowed_at = free_at.saturating_sub(tolerance);
        if allowed_at > now {
            return Err(Duration::from_micros(allowed_at - now));
        }
        let free_at = free_at.saturating_add(self.interval);
        keep(&mut owners, owner, free_at, now);
        Ok(())
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RateLimit")
            .field("interval", &Duration::from_micros(self.interval))
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}

/// The time for which an owner is kept longer than needed, in milliseconds: the time of day, by which entries expire, can be set,
/// and the clock of the rate cannot.
const SLACK: u64 = 60_000;

/// Keeps the time of an owner until then.
fn keep(owners: &mut Bounded<Owner, u64>, owner: &Owner, free_at: u64, now_micros: u64) {
    let lease = |bytes| Lease {
        owner: Owner::Local,
        expires: now() + (free_at - now_micros) / 1000 + SLACK,
        bytes,
    };
    if owners.get(owner).is_none() {
        owners.cache(owner.clone(), lease(ENTRY_BYTES), free_at);
    } else if let Ok(kept) = owners.hold(owner.clone(), lease(0), || free_at) {
        *kept = free_at;
    }
}

/// Returns a time to wait in whole seconds, at least one.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0 || wait.is_zero())
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Owner = Owner::Session([1; 16]);
    const OTHER: Owner = Owner::Session([2; 16]);

    fn allowed(limit: &RateLimit, owner: &Owner, calls: usize) -> usize {
        (0..calls).filter(|_| limit.count(owner).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn each_owner_may_send_a_burst_and_then_one_call_at_each_interval() {
        let limit = RateLimit::per_minute(60).burst(5);
        assert_eq!(allowed(&limit, &ONE, 20), 5);
        assert_eq!(allowed(&limit, &OTHER, 20), 5, "owners are apart");
        let wait = limit.count(&ONE).expect_err("the limit is reached");
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        tokio::time::advance(wait).await;
        assert_eq!(allowed(&limit, &ONE, 20), 1);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(allowed(&limit, &ONE, 20), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_call_does_not_delay_the_next_one() {
        let limit = RateLimit::per_second(1);
        assert_eq!(allowed(&limit, &ONE, 1000), 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(allowed(&limit, &ONE, 1), 1);
    }

    #[test]
    fn the_memory_is_bounded() {
        let limit = RateLimit::per_hour(1);
        for number in 0..OWNERS + 100 {
            let owner = Owner::Session((number as u128).to_be_bytes());
            assert!(limit.count(&owner).is_ok());
        }
        assert_eq!(limit.owners.lock().owned_by(&Owner::Local).entries, OWNERS);
    }

    #[test]
    fn without_a_limit_all_calls_are_allowed() {
        assert_eq!(allowed(&RateLimit::unlimited(), &ONE, 100_000), 100_000);
        assert_eq!(allowed(&RateLimit::per_second(0), &ONE, 3), 1);
    }
}
