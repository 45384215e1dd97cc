//! Effects of calls that other replicas may run, too: one of them runs an effect, and all use its outcome.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Cluster;
use crate::owner::Owner;
use crate::store::{StoreEntry, digest, now};

/// The time, in milliseconds, for which a replica runs an effect without renewing its lease. The clocks of replicas may differ by
/// half of it.
const LEASE: u64 = 20_000;

/// The time between two renewals of a lease.
const RENEW: Duration = Duration::from_secs(5);

/// The first and the longest pause between two looks at an effect of another replica.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause between two attempts to write an outcome, and the time of one attempt.
const WRITE_PAUSE: Duration = Duration::from_secs(2);
const WRITE_TIME: Duration = Duration::from_secs(10);

/// The value of the entry of an effect.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// A replica runs the effect, until this time in milliseconds since 1970 if it does not renew the lease.
    Running {
        replica: String,
        until: u64,
    },
    Outcome(Value),
}

/// An effect that other replicas may run, too.
#[derive(Clone)]
pub(crate) struct SharedEffect {
    cluster: Arc<Cluster>,
    key: String,
    owner: Owner,
    /// The time until which the outcome is written again if the store fails, in milliseconds since 1970.
    expires: u64,
    time_to_live: Duration,
}

/// What is to be done with an effect.
pub(crate) enum Claim {
    /// This replica must run the effect, and keep the lease while it does.
    Run(EffectLease),
    /// The effect has run.
    Outcome(Value),
}

/// The reason why an effect must not run.
#[derive(Debug)]
pub(crate) enum ClaimError {
    /// An attempt has begun the effect and will not finish it.
    Unknown,
    /// The store does not say whether another replica runs the effect.
    Store,
}

/// The lease of a running effect, which is renewed until this is dropped.
pub(crate) struct EffectLease {
    effect: SharedEffect,
    renewing: JoinHandle<()>,
    has_ended: bool,
}

impl EffectLease {
    /// Writes the outcome of the effect. A call that is cancelled meanwhile does not stop this.
    ///
    /// Returns `false` if the store failed until the state of the call expired.
    pub(crate) async fn finish(mut self, outcome: &Value) -> bool {
        self.has_ended = true;
        let (effect, outcome) = (self.effect.clone(), State::Outcome(outcome.clone()));
        let writing = tokio::spawn(async move { effect.write(&outcome).await });
        writing.await.unwrap_or(false)
    }
}

impl Drop for EffectLease {
    /// Ends the lease of an effect that was given up, so that no attempt waits for its outcome.
    fn drop(&mut self) {
        self.renewing.abort();
        if !self.has_ended
            && let Ok(runtime) = Handle::try_current()
        {
            let effect = self.effect.clone();
            runtime.spawn(async move { effect.extend(0).await });
        }
    }
}

impl SharedEffect {
    /// Returns the effect `key` of the attempts in `chain`. Its state expires then, in milliseconds since 1970, and the newest state
    /// of the chain expires before the time to live ends.
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        chain: &str,
        key: &str,
        owner: Owner,
        expires: u64,
        time_to_live: Duration,
    ) -> Self {
        Self {
            cluster,
            key: format!("once-{}", digest((chain, key))),
            owner,
            expires,
            time_to_live,
        }
    }

    /// Takes the effect for this replica, or waits for its outcome. `has_begun` is `true` if an attempt at this replica has begun
    /// the effect; none runs it now.
    ///
    /// # Errors
    /// Returns an error if the effect must not run here. It may run elsewhere.
    pub(crate) async fn claim(&self, has_begun: bool) -> Result<Claim, ClaimError> {
        let (mut is_absent, mut pause) = (true, FIRST_PAUSE);
        loop {
            if is_absent && self.put(&self.running(LEASE)).await? {
                return Ok(self.run());
            }
            let found = self.cluster.store().get(&self.key).await;
            let Some(value) = found.map_err(|error| self.failed(&*error))? else {
                is_absent = true;
                sleep(pause).await;
                continue;
            };
            is_absent = false;
            match self.read(&value)? {
                State::Outcome(outcome) => return Ok(Claim::Outcome(outcome)),
                // The reply to an earlier `put` was lost, or the effect was given up before it began.
                State::Running { replica, .. }
                    if !has_begun && replica == self.cluster.replica() =>
                {
                    if self.replace(&value, &self.running(LEASE)).await? {
                        return Ok(self.run());
                    }
                }
                State::Running { until, .. } if until <= now() => return Err(ClaimError::Unknown),
                State::Running { .. } => {}
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn write(&self, outcome: &State) -> bool {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Ok(Ok(true)) = timeout(WRITE_TIME, self.settle(outcome)).await {
                return true;
            }
            if now() >= self.expires {
                return false;
            }
            sleep(pause).await;
            pause = (pause * 2).min(WRITE_PAUSE);
        }
    }

    /// Writes the outcome once. Returns `false` if the entry changed meanwhile.
    async fn settle(&self, outcome: &State) -> Result<bool, ClaimError> {
        let found = self.cluster.store().get(&self.key).await;
        let Some(value) = found.map_err(|error| self.failed(&*error))? else {
            return self.put(outcome).await;
        };
        match self.read(&value)? {
            // The reply to an earlier attempt was lost.
            State::Outcome(_) => Ok(true),
            State::Running { .. } => self.replace(&value, outcome).await,
        }
    }

    fn run(&self) -> Claim {
        let effect = self.clone();
        let renewing = tokio::spawn(async move {
            loop {
                sleep(RENEW).await;
                effect.extend(LEASE).await;
            }
        });
        Claim::Run(EffectLease {
            effect: self.clone(),
            renewing,
            has_ended: false,
        })
    }

    /// Sets the end of the lease to this time from now, in milliseconds.
    async fn extend(&self, lease: u64) {
        let Ok(Some(value)) = self.cluster.store().get(&self.key).await else {
            return;
        };
        if let Ok(State::Running { replica, .. }) = self.read(&value)
            && replica == self.cluster.replica()
        {
            // Without a lease the effect still ends, but other replicas do not wait for its outcome.
            let _ = self.replace(&value, &self.running(lease)).await;
        }
    }

    fn running(&self, lease: u64) -> State {
        State::Running {
            replica: self.cluster.replica().to_owned(),
            until: now() + lease,
        }
    }

    async fn put(&self, state: &State) -> Result<bool, ClaimError> {
        let value = self.value(state)?;
        let put = self
            .cluster
            .store()
            .put_if_absent(&self.key, self.entry(&value));
        put.await.map_err(|error| self.failed(&*error))
    }

    async fn replace(&self, old: &[u8], state: &State) -> Result<bool, ClaimError> {
        let value = self.value(state)?;
        let entry = self.entry(&value);
        let replaced = self.cluster.store().replace(&self.key, old, entry);
        replaced.await.map_err(|error| self.failed(&*error))
    }

    fn entry<'a>(&self, value: &'a [u8]) -> StoreEntry<'a> {
        StoreEntry {
            value,
            time_to_live: self.time_to_live,
            owner: self.owner.clone(),
        }
    }

    fn value(&self, state: &State) -> Result<Vec<u8>, ClaimError> {
        serde_json::to_vec(state).map_err(|error| self.failed(&error))
    }

    fn read(&self, value: &[u8]) -> Result<State, ClaimError> {
        serde_json::from_slice(value).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &dyn std::error::Error) -> ClaimError {
        tracing::warn!(%error, key = self.key, "the store of the replicas failed for an effect");
        ClaimError::Store
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defaults_page::row;
    use crate::store::MemoryStore;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Returns one effect at two replicas.
    fn replicas() -> [SharedEffect; 2] {
        let store = Arc::new(MemoryStore::default());
        [(); 2].map(|()| {
            let cluster = Cluster::new(Arc::clone(&store) as Arc<_>, 0).unwrap();
            let expires = now() + 600_000;
            SharedEffect::new(cluster, "chain", "key", Owner::Local, expires, 20 * MINUTE)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_effect_of_a_replica_that_is_gone_is_not_repeated() {
        let [one, other] = replicas();
        // A replica whose process has ended renews nothing.
        assert!(one.put(&one.running(LEASE)).await.unwrap());
        let lease = row("effect-lease");
        lease.says("tool error");
        let before = lease.time().saturating_sub(Duration::from_secs(1));
        let waits = timeout(before, other.claim(false)).await;
        assert!(waits.is_err(), "the lease has not expired");
        let claim = timeout(Duration::from_secs(2), other.claim(false)).await;
        assert!(matches!(claim, Ok(Err(ClaimError::Unknown))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_effect_keeps_its_lease_until_its_outcome_is_written() {
        let [one, other] = replicas();
        let Ok(Claim::Run(lease)) = one.claim(false).await else {
            panic!("nobody runs the effect");
        };
        let waits = timeout(5 * MINUTE, other.claim(false)).await;
        assert!(waits.is_err(), "the lease is renewed");
        let waiting = tokio::spawn(async move { other.claim(false).await });
        tokio::task::yield_now().await;
        assert!(lease.finish(&"done".into()).await);
        let claim = timeout(LONGEST_PAUSE, waiting).await;
        assert!(matches!(claim, Ok(Ok(Ok(Claim::Outcome(outcome)))) if outcome == "done"));
    }

    #[tokio::test(start_paused = true)]
    async fn entries_that_cannot_be_read_are_errors() {
        let [one, _] = replicas();
        let entry = StoreEntry::new(b"?", MINUTE);
        let put = one.cluster.store().put_if_absent(&one.key, entry);
        assert!(put.await.unwrap());
        assert!(matches!(one.claim(false).await, Err(ClaimError::Store)));
    }
}
