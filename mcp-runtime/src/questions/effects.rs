//! What effects came to: each happens once in a call, however often the call begins anew.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use crate::owner::Owner;
use crate::store::{Bounded, Full, Lease};
use crate::sync::{Mutex, MutexGuard};

/// The effects of so many calls that may begin anew are remembered, and so many bytes of their outcomes.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 64 << 20;

/// What it takes to remember anything, in bytes.
const OVERHEAD: usize = 200;

/// The effects of one call, in all its attempts.
#[derive(Default)]
pub(crate) struct Effects(Mutex<Known>);

#[derive(Default)]
struct Known {
    outcomes: BTreeMap<String, Value>,
    /// How many bytes the outcomes have as JSON, with their keys.
    bytes: usize,
    turns: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
}

impl Effects {
    /// Waits until nobody else is at this effect. Attempts of one call may run side by side.
    pub(crate) async fn turn(&self, key: &str) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(self.known().turns.entry(key.to_owned()).or_default());
        turn.lock_owned().await
    }

    pub(crate) fn outcome(&self, key: &str) -> Option<Value> {
        self.known().outcomes.get(key).cloned()
    }

    /// Records an outcome, and returns how many bytes that takes.
    pub(crate) fn record(&self, key: &str, outcome: Value) -> usize {
        self.known().add(key, outcome)
    }

    pub(super) fn outcomes(&self) -> BTreeMap<String, Value> {
        self.known().outcomes.clone()
    }

    /// Learns what a client's state tells.
    pub(super) fn learn(&self, outcomes: &BTreeMap<String, Value>) {
        let mut known = self.known();
        for (key, outcome) in outcomes {
            if !known.outcomes.contains_key(key) {
                known.add(key, outcome.clone());
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock()
    }
}

impl Known {
    fn add(&mut self, key: &str, outcome: Value) -> usize {
        let bytes = OVERHEAD + key.len() + outcome.to_string().len();
        self.bytes += bytes;
        self.outcomes.insert(key.to_owned(), outcome);
        bytes
    }
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
            None => OVERHEAD + effects.known().bytes,
        };
        let lease = Lease {
            owner,
            expires,
            bytes,
        };
        kept.hold(chain.into(), lease, || effects).cloned()
    }

    /// Counts the bytes of an outcome that was recorded meanwhile. It is kept in any case, since it cannot be undone.
    pub(super) fn grow(&self, chain: &str, bytes: usize) {
        self.0.lock().resize(chain, bytes, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::now;

    #[test]
    fn effects_are_kept_until_their_last_state_expires() {
        let chains = Chains::default();
        let later = now() + 60_000;
        let keep = |expires| {
            chains
                .keep("a", Arc::default(), Owner::Local, expires)
                .unwrap()
        };
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
        let first = chains
            .keep("0", Arc::default(), Owner::Local, later)
            .unwrap();
        for number in 1..MOST {
            let chain = number.to_string();
            chains
                .keep(&chain, Arc::default(), Owner::Local, later)
                .unwrap();
        }
        assert!(
            chains
                .keep("late", Arc::default(), Owner::Local, later)
                .is_err()
        );
        let again = chains
            .keep("0", Arc::default(), Owner::Local, later)
            .unwrap();
        assert!(Arc::ptr_eq(&first, &again));
    }

    #[test]
    fn outcomes_count_as_bytes() {
        let chains = Chains::default();
        let later = now() + 60_000;
        let effects = chains
            .keep("a", Arc::default(), Owner::Local, later)
            .unwrap();
        let bytes = effects.record("key", "outcome".into());
        assert!(bytes > 10);
        let other = Effects::default();
        other.learn(&effects.outcomes());
        assert_eq!(other.known().bytes, bytes);
        // That there is no room for an outcome is the next call's matter.
        chains.grow("a", MOST_BYTES);
        assert!(
            chains
                .keep("b", Arc::default(), Owner::Local, later)
                .is_err()
        );
        assert!(
            chains
                .keep("a", Arc::default(), Owner::Local, later)
                .is_ok()
        );
    }
}
