//! A step of the check of a store.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::store::{Store, StoreEntry, now};

/// The time to live of what must not expire during a check.
pub(super) const LONG: Duration = Duration::from_secs(600);

/// The time to live of what must expire.
pub(super) const SHORT: Duration = Duration::from_millis(300);

/// The time after which something with [`SHORT`] must have expired.
pub(super) const EXPIRED: Duration = Duration::from_millis(600);

/// The time within which a waiting reader must have a new entry, and within which each step must be done.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// The number of concurrent calls in a race.
pub(super) const RACERS: usize = 32;

/// The result of a step: `Err` if the store failed, so that the step could not go on.
pub(super) type Step = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A store, and what it has violated so far.
pub(super) struct Contract {
    pub(super) store: Arc<dyn Store>,
    /// The part of all names that is different in each run.
    run: String,
    pub(super) violations: Vec<String>,
}

impl Contract {
    pub(super) fn new(store: impl Store) -> Self {
        Self {
            store: Arc::new(store),
            run: random_name(),
            violations: Vec::new(),
        }
    }

    pub(super) async fn step(&mut self, name: &str, check: impl AsyncFnOnce(&mut Self) -> Step) {
        let done = tokio::time::timeout(SOON * 3, check(self)).await;
        let violation = match done {
            Ok(Ok(())) => return,
            Ok(Err(error)) => format!("{name}: the store failed: {error}"),
            Err(_) => format!("{name}: not done after {} s", (SOON * 3).as_secs()),
        };
        self.violations.push(violation);
    }

    /// Records a violation unless the result of a call is the expected one.
    pub(super) fn compare<T: PartialEq + std::fmt::Debug>(
        &mut self,
        call: &str,
        result: T,
        expected: T,
    ) {
        if result != expected {
            let violation = format!("{call}: expected {expected:?}, got {result:?}");
            self.violations.push(violation);
        }
    }

    pub(super) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.run)
    }
}

pub(super) fn entry(value: &[u8]) -> StoreEntry<'_> {
    StoreEntry::new(value, LONG)
}

/// Runs concurrent calls, and returns their results in the order of their numbers.
pub(super) async fn race<T, F>(call: impl Fn(usize) -> F) -> Result<Vec<T>, tokio::task::JoinError>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let running: Vec<_> = (0..RACERS)
        .map(|number| tokio::spawn(call(number)))
        .collect();
    let mut results = Vec::with_capacity(RACERS);
    for call in running {
        results.push(call.await?);
    }
    Ok(results)
}

fn random_name() -> String {
    let mut bytes = [0; 8];
    // Without random bytes, the names of one second are the same.
    if getrandom::fill(&mut bytes).is_err() {
        bytes = now().to_be_bytes();
    }
    format!("check-{:016x}", u64::from_be_bytes(bytes))
}
