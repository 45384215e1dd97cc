//! Rate limits by the generic cell rate algorithm: one number for each owner, in memory and in the store of the replicas.

mod shared;

use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex as Turn;
use tokio::time::Instant;

use crate::owner::Owner;
use crate::store::{Bounded, Lease, Store, digest, now};
use crate::sync::Mutex;
use shared::{SharedRate, microseconds};

/// The maximum number of owners whose recent calls are counted. Beyond it, those that called least are forgotten first.
const OWNERS: usize = 10_000;

/// The memory of one owner, in bytes.
const ENTRY_BYTES: usize = 200;

/// The number of owners whose calls can be counted in the store at once by one limit.
const TURNS: usize = 16;

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
///
/// # Replicas
/// The replicas of a server with a [store](crate::Server::cluster) count calls together: those of [`Server::rate_limit`], of a layer of
/// a component under its name, and of a layer of a server under the name of that server, each with the same number of calls and the
/// same burst. [`RateLimit::named`] is for a limit that several components share. A call that cannot be counted, because the store
/// fails, is refused. The limit that remote callers have by default is counted by each replica alone.
///
/// [`Server::rate_limit`]: crate::Server::rate_limit
#[derive(Clone)]
pub struct RateLimit {
    /// The time between two calls, in microseconds. Zero if there is no limit.
    interval: u64,
    burst: u32,
    /// The time 0 of this limit.
    begin: Instant,
    /// The time, in microseconds, at which an owner has no recent calls any more.
    owners: Arc<Mutex<Bounded<Owner, u64>>>,
    /// The name under which replicas count.
    name: Option<Arc<str>>,
    /// Calls of one owner are counted in the store one after the other, so that they do not disturb each other.
    turns: Arc<[Turn<()>; TURNS]>,
}

/// The reason why replicas refuse a call.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The limit is reached for this time.
    Reached(Duration),
    /// The call cannot be counted.
    Uncounted(Box<dyn Error + Send + Sync>),
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

    /// Sets the name under which the replicas of a [cluster](crate::Server::cluster) count calls, for several components that share
    /// one limit. Limits of one name must have the same number of calls and the same burst. Without a cluster, and in addition to
    /// it, the clones of a limit share it in each process.
    ///
    /// ```
    /// use std::sync::LazyLock;
    ///
    /// use mcp_runtime::{RateLimit, prelude::*};
    ///
    /// static MAIL: LazyLock<RateLimit> = LazyLock::new(|| RateLimit::per_minute(10).named("mail"));
    ///
    /// /// Send an e-mail.
    /// #[tool(layer = MAIL.clone())]
    /// async fn send(to: String) -> String {
    ///     format!("Sent to {to}")
    /// }
    ///
    /// /// Forward an e-mail.
    /// #[tool(layer = MAIL.clone())]
    /// async fn forward(to: String) -> String {
    ///     format!("Forwarded to {to}")
    /// }
    /// ```
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
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
            name: None,
            turns: Arc::default(),
        }
    }

    /// Returns `true` if all calls are allowed.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.interval == 0
    }

    /// Counts a call of an owner.
    ///
    /// # Errors
    /// Returns the time to wait if the limit is reached. The call is not counted then.
    pub(crate) fn count(&self, owner: &Owner) -> Result<(), Duration> {
        if self.is_unlimited() {
            return Ok(());
        }
        let now = microseconds(self.begin.elapsed());
        let mut owners = self.owners.lock();
        let free_at = owners.get(owner).copied().unwrap_or(0).max(now);
        let allowed_at = free_at.saturating_sub(self.tolerance());
        if allowed_at > now {
            return Err(Duration::from_micros(allowed_at - now));
        }
        let free_at = free_at.saturating_add(self.interval);
        keep(&mut owners, owner, free_at, now);
        Ok(())
    }

    /// Counts a call that this process has counted, together with the calls at other replicas. `scope` names what is limited, unless
    /// the limit has a name.
    ///
    /// # Errors
    /// Returns an error if the limit is reached or if the store fails. The call is not counted in the store then.
    pub(crate) async fn count_shared(
        &self,
        store: &dyn Store,
        scope: &str,
        owner: &Owner,
    ) -> Result<(), Refused> {
        if self.is_unlimited() {
            return Ok(());
        }
        let rate = SharedRate {
            key: &self.key(scope, owner),
            owner,
            interval: self.interval,
            tolerance: self.tolerance(),
        };
        let _turn = self.turn(owner).lock().await;
        let count = rate.count(store).await.map_err(Refused::Uncounted)?;
        // Calls that the other replicas refuse for now are refused without the store from here on.
        let now = microseconds(self.begin.elapsed());
        let free_at = now.saturating_add(count.free_in);
        keep(&mut self.owners.lock(), owner, free_at, now);
        match count.wait {
            None => Ok(()),
            Some(wait) => Err(Refused::Reached(Duration::from_micros(wait))),
        }
    }

    /// Returns the key of the number of an owner in the store.
    fn key(&self, scope: &str, owner: &Owner) -> String {
        let scope = (self.name.is_some(), self.name.as_deref().unwrap_or(scope));
        let digest = digest((scope, self.interval, self.burst, owner.key()));
        format!("rate-{digest}")
    }

    fn turn(&self, owner: &Owner) -> &Turn<()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(owner);
        let index = usize::try_from(hash % TURNS as u64).unwrap_or(0);
        &self.turns[index]
    }

    /// Returns the time of the calls that a caller may send at once, besides the first, in microseconds.
    fn tolerance(&self) -> u64 {
        self.interval.saturating_mul(u64::from(self.burst - 1))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defaults_page::row;
    use crate::store::{MemoryStore, StoreEntry, StoreFuture};

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

    /// Counts a call at a replica, as servers do.
    async fn count_at(limit: &RateLimit, store: &MemoryStore) -> Result<(), Duration> {
        limit.count(&ONE)?;
        match limit.count_shared(store, "app", &ONE).await {
            Ok(()) => Ok(()),
            Err(Refused::Reached(wait)) => Err(wait),
            Err(Refused::Uncounted(error)) => panic!("{error}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn replicas_count_together() {
        let store = MemoryStore::default();
        let replicas = [(); 2].map(|()| RateLimit::per_minute(60).burst(4));
        for number in 0..4 {
            assert_eq!(count_at(&replicas[number % 2], &store).await, Ok(()));
        }
        for _ in 0..10 {
            let wait = count_at(&replicas[0], &store).await.expect_err("refused");
            assert!(wait <= Duration::from_secs(1), "{wait:?}");
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(count_at(&replicas[1], &store).await, Ok(()));
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        for number in 0..4 {
            assert_eq!(count_at(&replicas[number % 2], &store).await, Ok(()));
        }
        assert!(count_at(&replicas[0], &store).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_the_replicas_is_remembered() {
        let store = MemoryStore::default();
        let replicas = [(); 2].map(|()| RateLimit::per_minute(6).burst(2));
        for _ in 0..2 {
            assert_eq!(count_at(&replicas[0], &store).await, Ok(()));
        }
        // Two calls are allowed here, but not at both.
        assert!(count_at(&replicas[1], &store).await.is_err());
        let wait = replicas[1].count(&ONE).expect_err("known in this process");
        assert!(wait > Duration::from_secs(9), "{wait:?}");
        tokio::time::advance(wait).await;
        assert_eq!(count_at(&replicas[1], &store).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_in_the_store_never_decreases() {
        let store = MemoryStore::default();
        let rate = SharedRate {
            key: "rate-test",
            owner: &ONE,
            interval: 1_000_000,
            tolerance: 9_000_000,
        };
        // The clock of another replica is 5 s ahead.
        let ahead = (now() + 5_000) * 1000;
        let text = ahead.to_string();
        let entry = StoreEntry::new(text.as_bytes(), Duration::from_secs(60));
        assert!(store.put_if_absent("rate-test", entry).await.unwrap());
        for number in 1..=5 {
            let count = rate.count(&store).await.unwrap();
            assert_eq!(count.wait, None, "{number}");
            let value = store.get("rate-test").await.unwrap().unwrap();
            assert_eq!(value, (ahead + number * 1_000_000).to_string().as_bytes());
        }
        assert!(rate.count(&store).await.unwrap().wait.is_some());
    }

    #[tokio::test]
    async fn an_entry_that_is_not_a_number_is_an_error() {
        let store = MemoryStore::default();
        let limit = RateLimit::per_hour(1);
        let key = limit.key("app", &ONE);
        let entry = StoreEntry::new(b"?", Duration::from_secs(60));
        let put = store.put_if_absent(&key, entry).await;
        assert!(put.unwrap());
        let refused = limit.count_shared(&store, "app", &ONE).await;
        assert!(matches!(refused, Err(Refused::Uncounted(_))), "{refused:?}");
    }

    /// A store that does not answer.
    struct Silent;

    impl Store for Silent {
        fn get<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
            Box::pin(std::future::pending())
        }

        fn put_if_absent<'a>(&'a self, _: &'a str, _: StoreEntry<'a>) -> StoreFuture<'a, bool> {
            Box::pin(std::future::pending())
        }

        fn remove<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_is_an_error() {
        let (limit, begin) = (RateLimit::per_hour(1), Instant::now());
        let refused = limit.count_shared(&Silent, "app", &ONE).await;
        assert!(matches!(refused, Err(Refused::Uncounted(_))), "{refused:?}");
        let time = row("count-time");
        time.says_refusal(Some(-32603), Some(503));
        assert!(begin.elapsed().abs_diff(time.time()) < Duration::from_secs(1));
    }
}
