//! What effects came to: each happens once in a call, however often the call begins anew.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::journal::now;
use crate::sync::{Mutex, MutexGuard};

/// The effects of so many states that clients carry are remembered; with more, the oldest are forgotten.
const MOST: usize = 10_000;

/// The effects of one call, in all its attempts.
#[derive(Default)]
pub(crate) struct Effects(Mutex<Known>);

#[derive(Default)]
struct Known {
    outcomes: BTreeMap<String, Value>,
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

    pub(crate) fn record(&self, key: &str, outcome: Value) {
        self.known().outcomes.insert(key.to_owned(), outcome);
    }

    pub(super) fn outcomes(&self) -> BTreeMap<String, Value> {
        self.known().outcomes.clone()
    }

    /// Learns what a client's state tells.
    pub(super) fn learn(&self, outcomes: &BTreeMap<String, Value>) {
        let mut known = self.known();
        for (key, outcome) in outcomes {
            let key = key.clone();
            known.outcomes.entry(key).or_insert_with(|| outcome.clone());
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock()
    }
}

/// The effects of calls that may begin anew, for clients that send a state twice, or an older one again.
#[derive(Default)]
pub(super) struct Chains(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    effects: HashMap<String, (u64, Arc<Effects>)>,
    /// When to forget which, unless it was kept for longer since.
    order: VecDeque<(u64, String)>,
}

impl Chains {
    /// Keeps the effects of a call until its state expires. Those that are kept for it already are given back.
    pub(super) fn keep(&self, chain: &str, effects: Arc<Effects>, expires: u64) -> Arc<Effects> {
        let mut kept = self.0.lock();
        let (until, effects) = kept
            .effects
            .entry(chain.to_owned())
            .or_insert((expires, effects));
        *until = expires.max(*until);
        let place = (*until, chain.to_owned());
        let effects = Arc::clone(effects);
        kept.order.push_back(place);
        kept.forget(now());
        effects
    }
}

impl Kept {
    fn forget(&mut self, now: u64) {
        while let Some((expires, _)) = self.order.front()
            && (*expires < now || self.order.len() > MOST)
            && let Some((expires, chain)) = self.order.pop_front()
        {
            if let Some((until, _)) = self.effects.get(&chain)
                && *until == expires
            {
                self.effects.remove(&chain);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_kept_until_their_last_state_expires() {
        let chains = Chains::default();
        let later = now() + 60_000;
        let first = chains.keep("a", Arc::default(), 0);
        assert!(!Arc::ptr_eq(&first, &chains.keep("a", Arc::default(), 0)));
        let kept = chains.keep("a", Arc::default(), later);
        chains.keep("a", Arc::default(), later - 1);
        assert!(Arc::ptr_eq(&kept, &chains.keep("a", Arc::default(), later)));
    }

    #[test]
    fn the_oldest_effects_are_forgotten_when_there_are_too_many() {
        let chains = Chains::default();
        let later = now() + 60_000;
        let first = chains.keep("first", Arc::default(), later);
        let second = chains.keep("second", Arc::default(), later);
        for number in 0..MOST - 1 {
            chains.keep(&number.to_string(), Arc::default(), later);
        }
        let kept = chains.0.lock();
        assert!(kept.order.len() <= MOST && kept.effects.len() <= MOST);
        assert!(kept.effects.contains_key("second"));
        assert!(!kept.effects.contains_key("first"));
        drop((first, second));
    }
}
