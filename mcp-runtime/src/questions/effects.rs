//! What effects came to, for a client that sends an older state again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::journal::now;

/// How many are remembered; with more, the oldest is forgotten.
const MOST: usize = 10_000;

/// The outcomes of effects, by the call's chain of attempts and the effect's key.
#[derive(Default)]
pub(crate) struct Effects(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    values: HashMap<(String, String), (u64, Value)>,
    order: VecDeque<(String, String)>,
}

impl Effects {
    pub(super) fn find(&self, chain: &str, key: &str) -> Option<Value> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (expires, value) = noted.values.get(&(chain.to_owned(), key.to_owned()))?;
        (now() < *expires).then(|| value.clone())
    }

    /// Notes an outcome for so many seconds.
    pub(super) fn note(&self, chain: &str, key: &str, value: &Value, seconds: u64) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (chain.to_owned(), key.to_owned());
        let entry = (now().saturating_add(seconds), value.clone());
        if noted.values.insert(place.clone(), entry).is_none() {
            noted.order.push_back(place);
        }
        if noted.order.len() > MOST
            && let Some(oldest) = noted.order.pop_front()
        {
            noted.values.remove(&oldest);
        }
    }
}
