//! What effects came to: each happens once in a call, however often the call begins anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::owner::Owner;
use crate::store::{Bounded, Full, Lease};
use crate::sync::Mutex;

/// The effects of so many calls that may begin anew are remembered, and so many bytes of their outcomes.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 64 << 20;

/// What it takes to remember anything, in bytes.
const OVERHEAD: usize = 200;

/// The effects of one call by key, in all its attempts, which may run side by side.
#[derive(Default)]
pub(crate) struct Effects(Mutex<BTreeMap<String, Arc<OnceCell<Value>>>>);

impl Effects {
    /// Returns the place of an outcome. One attempt at a time fills it.
    pub(crate) fn effect(&self, key: &str) -> Arc<OnceCell<Value>> {
        Arc::clone(self.0.lock().entry(key.to_owned()).or_default())
    }

    pub(super) fn outcomes(&self) -> BTreeMap<String, Value> {
        let effects = self.0.lock();
        let outcome = |(key, cell): (&String, &Arc<OnceCell<Value>>)| {
            Some((key.clone(), cell.get()?.clone()))
        };
        effects.iter().filter_map(outcome).collect()
    }

    /// Learns what a client's state tells.
    pub(super) fn learn(&self, outcomes: &BTreeMap<String, Value>) {
        for (key, outcome) in outcomes {
            // What is known already stays.
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

/// Returns how many bytes it takes to remember an outcome.
fn size(key: &str, outcome: &Value) -> usize {
    OVERHEAD + key.len() + outcome.to_string().len()
}

/// The effects of calls that may begin anew, for clients that send a state twice, or an older one again. A call whose
/// effects cannot be kept has none: what was promised to happen once is never forgotten before its states expire.
pub(super) struct Chains(Mutex<Bounded<Arc<str>, Arc<Effects>>>);

impl Default for Chains {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(MOST, MOST_BYTES)))
    }
}

impl Chains {
    /// Keeps the effects of a call until its newest state expires. Those that are kept for it already are given back.
    ///
    /// # Errors
    /// There is no room for another call.
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

    /// Counts the bytes of an outcome that is recorded meanwhile. It is kept in any case, since it cannot be undone.
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
        for number in 1..MOST {
            let chain = number.to_string();
            keep(&chains, &chain, later).unwrap();
        }
        assert!(keep(&chains, "late", later).is_err());
        let again = keep(&chains, "0", later).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
    }

    #[test]
    fn outcomes_count_as_bytes() {
        let chains = Chains::default();
        let later = now() + 60_000;
        let effects = keep(&chains, "a", later).unwrap();
        effects.learn(&BTreeMap::from([("key".to_owned(), "outcome".into())]));
        assert_eq!(effects.bytes(), OVERHEAD + 3 + 9);
        effects.learn(&BTreeMap::from([("key".to_owned(), "other".into())]));
        assert_eq!(effects.outcomes()["key"], "outcome");
        // That there is no room for an outcome is the next call's matter.
        chains.grow("a", "key", &"x".repeat(MOST_BYTES).into());
        assert!(keep(&chains, "b", later).is_err());
        assert!(keep(&chains, "a", later).is_ok());
    }
}
