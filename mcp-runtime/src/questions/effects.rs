//! The outcomes of effects (`Context::once`). Each effect runs once in a call, however often the call is repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;

use super::journal::MAX_BYTES as LARGEST;
use crate::owner::Owner;
use crate::store::{Bounded, Capacity, Full, Lease};
use crate::sync::Mutex;

/// The maximum number of calls whose effects are stored.
const MAX_CALLS: usize = 10_000;

/// The maximum size of all stored outcomes, in bytes.
const MAX_BYTES: usize = 32 << 20;

/// The memory overhead of one entry, in bytes.
const OVERHEAD: usize = 200;

/// The effects of one call, by key. All attempts of the call share them and may run concurrently.
#[derive(Default)]
pub(crate) struct Effects {
    cells: Mutex<BTreeMap<String, Arc<OnceCell<Value>>>>,
    /// The keys of the effects that an attempt has begun, with or without an outcome, if other replicas may run them, too.
    begun: Mutex<BTreeSet<String>>,
}

impl Effects {
    /// Returns the cell of an outcome. One attempt at a time initialises it.
    pub(crate) fn effect(&self, key: &str) -> Arc<OnceCell<Value>> {
        let mut cells = self.cells.lock();
        Arc::clone(cells.entry(key.to_owned()).or_default())
    }

    /// Records that an effect begins.
    pub(crate) fn begin(&self, key: &str) {
        self.begun.lock().insert(key.to_owned());
    }

    /// Returns `true` if an attempt has begun an effect.
    pub(crate) fn has_begun(&self, key: &str) -> bool {
        self.begun.lock().contains(key)
    }

    /// Returns `true` if an effect has an outcome.
    pub(super) fn has_outcome(&self, key: &str) -> bool {
        let effects = self.cells.lock();
        effects
            .get(key)
            .is_some_and(|outcome| outcome.initialized())
    }

    /// Returns the outcome of an effect that has run.
    #[cfg(feature = "proxy")]
    pub(crate) fn outcome(&self, key: &str) -> Option<Value> {
        self.cells.lock().get(key)?.get().cloned()
    }

    pub(super) fn outcomes(&self) -> BTreeMap<String, Value> {
        let effects = self.cells.lock();
        let outcome = |(key, cell): (&String, &Arc<OnceCell<Value>>)| {
            Some((key.clone(), cell.get()?.clone()))
        };
        effects.iter().filter_map(outcome).collect()
    }

    /// Adds the outcomes in a client's state.
    pub(super) fn merge(&self, outcomes: &BTreeMap<String, Value>) {
        for (key, outcome) in outcomes {
            // An existing outcome is kept.
            let _ = self.effect(key).set(outcome.clone());
        }
    }

    fn bytes(&self) -> usize {
        let outcomes = self.outcomes();
        outcomes
            .iter()
            .map(|(key, outcome)| size(key, outcome))
            .sum()
    }
}

/// Returns the memory that an outcome takes, in bytes.
pub(super) fn size(key: &str, outcome: &Value) -> usize {
    OVERHEAD + key.len() + outcome.to_string().len()
}

/// The effects of calls, by chain. A chain is all attempts of one call.
///
/// They prevent a second run of an effect if a client sends a state twice or sends an older state. They are therefore
/// never evicted before their states expire. If the effects of a call cannot be stored, none of them runs.
pub(super) struct Chains(Mutex<Bounded<Arc<str>, Arc<Effects>>>);

impl Default for Chains {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(MAX_CALLS, MAX_BYTES).shared()))
    }
}

impl Chains {
    /// Stores the effects of a call until its newest state expires. Returns the effects already stored for the call,
    /// if any.
    ///
    /// # Errors
    /// Returns an error if the store is full.
    pub(super) fn keep(
        &self,
        chain: &str,
        effects: Arc<Effects>,
        owner: Owner,
        expires: u64,
    ) -> Result<Arc<Effects>, Full> {
        let mut kept = self.0.lock();
        let bytes = match kept.get(chain) {
            Some(_) => 0,
            None => OVERHEAD + effects.bytes(),
        };
        let lease = Lease {
            owner,
            expires,
            bytes,
        };
        kept.hold(chain.into(), lease, || effects).cloned()
    }

    /// Checks that another outcome of a call may be stored, beside this many bytes that are not counted yet. Its size is not
    /// known before its effect has run, so there must be space for the largest one that a client can carry.
    ///
    /// # Errors
    /// Returns an error if a limit is reached.
    pub(super) fn check(&self, chain: &str, owner: &Owner, uncounted: usize) -> Result<(), Full> {
        let mut kept = self.0.lock();
        let more = Capacity {
            entries: usize::from(kept.get(chain).is_none()),
            bytes: uncounted + OVERHEAD + LARGEST,
        };
        kept.check(owner, more)
    }

    /// Counts the bytes of a new outcome. It is stored even beyond the limit, because its effect cannot be undone.
    pub(super) fn grow(&self, chain: &str, key: &str, outcome: &Value) {
        self.0.lock().resize(chain, size(key, outcome), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::now;

    fn keep(chains: &Chains, chain: &str, expires: u64) -> Result<Arc<Effects>, Full> {
        chains.keep(chain, Arc::default(), Owner::Local, expires)
    }

    #[test]
    fn effects_are_kept_until_their_last_state_expires() {
        let chains = Chains::default();
        let later = now() + 60_000;
        let keep = |expires| keep(&chains, "a", expires).unwrap();
        let first = keep(0);
        assert!(!Arc::ptr_eq(&first, &keep(0)));
        let kept = keep(later);
        keep(later - 1);
        assert!(Arc::ptr_eq(&kept, &keep(later)));
    }

    #[test]
    fn a_call_that_cannot_be_kept_is_refused_and_none_is_forgotten() {
        let chains = Chains::default();
        let later = now() + 60_000;
        let first = keep(&chains, "0", later).unwrap();
        for number in 1..MAX_CALLS {
            let chain = number.to_string();
            keep(&chains, &chain, later).unwrap();
        }
        assert!(keep(&chains, "late", later).is_err());
        let again = keep(&chains, "0", later).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
    }

    #[test]
    fn no_effect_starts_whose_outcome_might_not_be_kept() {
        let later = now() + 60_000;
        let check = |chains: &Chains, chain| chains.check(chain, &Owner::Local, 0).is_ok();
        let chains = Chains::default();
        for number in 1..MAX_CALLS {
            keep(&chains, &number.to_string(), later).unwrap();
        }
        assert!(check(&chains, "new"));
        keep(&chains, "last", later).unwrap();
        assert!(check(&chains, "last") && !check(&chains, "new"));
        let chains = Chains::default();
        keep(&chains, "a", later).unwrap();
        chains.grow(
            "a",
            "key",
            &"x".repeat(MAX_BYTES - LARGEST - 5 * OVERHEAD).into(),
        );
        assert!(check(&chains, "a") && check(&chains, "new"));
        chains.grow("a", "other", &"x".repeat(5 * OVERHEAD).into());
        assert!(!check(&chains, "a") && !check(&chains, "new"));
    }

    #[test]
    fn outcomes_count_as_bytes() {
        let chains = Chains::default();
        let later = now() + 60_000;
        let effects = keep(&chains, "a", later).unwrap();
        effects.merge(&BTreeMap::from([("key".to_owned(), "outcome".into())]));
        assert_eq!(effects.bytes(), OVERHEAD + 3 + 9);
        effects.merge(&BTreeMap::from([("key".to_owned(), "other".into())]));
        assert_eq!(effects.outcomes()["key"], "outcome");
        // The limit applies to the next call only.
        chains.grow("a", "key", &"x".repeat(MAX_BYTES).into());
        assert!(keep(&chains, "b", later).is_err());
        assert!(keep(&chains, "a", later).is_ok());
    }
}
