//! A value of the issuer, such as its keys, that is loaded again from time to time.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::store::{milliseconds, now};
use crate::sync::Mutex;

/// The times at which a value is loaded. They are also in the documentation of `Jwt`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The minimum time between the end of an attempt and the next one.
    pub(super) cooldown: Duration,
    /// The age at which a value is loaded again.
    pub(super) refresh: Duration,
    /// The age at which a value is not used any more.
    pub(super) keep: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            cooldown: Duration::from_secs(10),
            refresh: Duration::from_secs(10 * 60),
            keep: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// A value that is loaded by one request at a time, while others wait for it or use the previous value.
#[derive(Debug)]
pub(super) struct Refreshed<T> {
    pub(super) pace: Pace,
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    /// The number of attempts that have ended.
    ended: watch::Sender<u64>,
    /// The number of different values so far.
    generation: AtomicU64,
    /// The time of the next attempt, in milliseconds since 1970.
    due: AtomicU64,
}

#[derive(Debug)]
struct State<T> {
    value: Option<Arc<T>>,
    /// The time at which the value was loaded.
    loaded: u64,
    /// The number of attempts that have ended, and the time at which the last one did.
    attempts: u64,
    attempted: u64,
    /// `true` while an attempt runs.
    is_loading: bool,
    /// The error of the last attempt.
    failure: Option<String>,
}

/// The state at one moment.
#[derive(Debug)]
pub(super) struct Seen<T> {
    /// The value and the time at which it must not be used any more, in milliseconds since 1970.
    pub(super) value: Option<(Arc<T>, u64)>,
    /// The number of different values so far.
    pub(super) generation: u64,
    /// The error of the last attempt.
    pub(super) failure: Option<String>,
    /// The number of attempts so far, if the next one may be made now.
    pub(super) attempt: Option<u64>,
}

impl<T: PartialEq + Send + Sync + 'static> Refreshed<T> {
    pub(super) fn new() -> Self {
        let state = State {
            value: None,
            loaded: 0,
            attempts: 0,
            attempted: 0,
            is_loading: false,
            failure: None,
        };
        let shared = Shared {
            state: Mutex::new(state),
            ended: watch::Sender::new(0),
            generation: AtomicU64::new(0),
            due: AtomicU64::new(u64::MAX),
        };
        Self {
            pace: Pace::default(),
            shared: Arc::new(shared),
        }
    }

    /// Returns the number of different values so far. What follows from a value is not valid any more when it changes.
    pub(super) fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Returns `true` if the value is old enough to be loaded again.
    pub(super) fn is_due(&self, now: u64) -> bool {
        self.shared.due.load(Ordering::Relaxed) <= now
    }

    /// Returns the state at this time.
    pub(super) fn seen(&self, now: u64) -> Seen<T> {
        let mut state = self.shared.state.lock();
        let ends = state.loaded.saturating_add(milliseconds(self.pace.keep));
        if ends <= now {
            state.value = None;
        }
        let rested = state
            .attempted
            .saturating_add(milliseconds(self.pace.cooldown))
            <= now;
        Seen {
            value: state.value.clone().map(|value| (value, ends)),
            generation: self.generation(),
            failure: state.failure.clone(),
            attempt: (rested || state.attempts == 0).then_some(state.attempts),
        }
    }

    /// Starts to load the value, in a task of its own, so that a client that disconnects does not waste the attempt. Does
    /// nothing if an attempt runs, or has ended since `attempts` were counted. The returned future waits for its end.
    pub(super) fn load(
        &self,
        attempts: u64,
        value: impl Future<Output = Result<T, String>> + Send + 'static,
    ) -> impl Future<Output = ()> {
        let mut ended = self.shared.ended.subscribe();
        if self.shared.starts(attempts) {
            let (shared, pace) = (Arc::clone(&self.shared), self.pace);
            tokio::spawn(async move {
                let loaded = tokio::spawn(value).await;
                let loaded = loaded.unwrap_or_else(|error| Err(error.to_string()));
                shared.finish(loaded, now(), pace);
            });
        }
        async move {
            // An error is that of a sender which is gone; this one is not.
            let _ = ended.wait_for(|ended| attempts < *ended).await;
        }
    }
}

impl<T: PartialEq> Shared<T> {
    /// Returns `true` if the attempt after these ones has not been started yet, and notes that it is.
    fn starts(&self, attempts: u64) -> bool {
        let mut state = self.state.lock();
        let is_first = state.attempts == attempts && !state.is_loading;
        state.is_loading |= is_first;
        is_first
    }

    /// Stores the result of an attempt.
    fn finish(&self, result: Result<T, String>, now: u64, pace: Pace) {
        let mut state = self.state.lock();
        state.attempts += 1;
        state.attempted = now;
        state.is_loading = false;
        let next = match result {
            Ok(value) => {
                state.failure = None;
                state.loaded = now;
                self.replace(&mut state, value);
                pace.refresh.max(pace.cooldown)
            }
            Err(failure) => {
                tracing::warn!("{failure}");
                state.failure = Some(failure);
                pace.cooldown
            }
        };
        let due = now.saturating_add(milliseconds(next));
        self.due.store(due, Ordering::Relaxed);
        self.ended.send_replace(state.attempts);
    }

    fn replace(&self, state: &mut State<T>, value: T) {
        if state.value.as_deref() != Some(&value) {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        state.value = Some(Arc::new(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;

    async fn loaded(refreshed: &Refreshed<i32>, result: Result<i32, &str>) {
        let attempts = refreshed.shared.state.lock().attempts;
        let result = result.map_err(str::to_owned);
        refreshed.load(attempts, async { result }).await;
    }

    fn value(seen: &Seen<i32>) -> Option<i32> {
        seen.value.as_ref().map(|(value, _)| **value)
    }

    #[tokio::test]
    async fn a_value_is_kept_while_the_issuer_is_away_and_not_longer_than_said() {
        let refreshed = Refreshed::new();
        loaded(&refreshed, Ok(1)).await;
        loaded(&refreshed, Err("away")).await;
        let seen = refreshed.seen(now() + 23 * HOUR);
        assert_eq!(
            (value(&seen), seen.failure.as_deref()),
            (Some(1), Some("away"))
        );
        assert_eq!(value(&refreshed.seen(now() + 25 * HOUR)), None);
        assert_eq!(value(&refreshed.seen(now())), None, "it does not come back");
    }

    #[tokio::test]
    async fn attempts_rest_after_success_and_after_failure() {
        let refreshed = Refreshed::new();
        assert_eq!(refreshed.seen(now()).attempt, Some(0));
        for (result, attempts) in [(Ok(1), 1), (Err("away"), 2)] {
            loaded(&refreshed, result).await;
            assert_eq!(refreshed.seen(now()).attempt, None);
            let later = now() + milliseconds(refreshed.pace.cooldown);
            assert_eq!(refreshed.seen(later).attempt, Some(attempts));
        }
    }

    #[tokio::test]
    async fn a_value_is_due_when_it_is_old_and_after_a_failure_sooner() {
        let refreshed = Refreshed::new();
        assert!(!refreshed.is_due(now()));
        loaded(&refreshed, Ok(1)).await;
        let cooldown = milliseconds(refreshed.pace.cooldown);
        assert!(!refreshed.is_due(now() + cooldown));
        assert!(refreshed.is_due(now() + HOUR));
        loaded(&refreshed, Err("away")).await;
        assert!(refreshed.is_due(now() + cooldown));
    }

    #[tokio::test]
    async fn only_a_different_value_is_a_new_generation() {
        let refreshed = Refreshed::new();
        for (result, generation) in [(Ok(1), 1), (Ok(1), 1), (Err("away"), 1), (Ok(2), 2)] {
            loaded(&refreshed, result).await;
            assert_eq!(refreshed.generation(), generation);
        }
    }

    #[tokio::test]
    async fn an_attempt_that_was_made_meanwhile_is_not_repeated() {
        let refreshed = Refreshed::new();
        loaded(&refreshed, Ok(1)).await;
        refreshed.load(0, async { Ok(2) }).await;
        assert_eq!(value(&refreshed.seen(now())), Some(1));
    }

    #[tokio::test]
    async fn a_load_that_panics_is_a_failure() {
        let refreshed = Refreshed::new();
        refreshed.load(0, async { panic!("a fault") }).await;
        let seen: Seen<i32> = refreshed.seen(now());
        assert!(
            seen.failure
                .is_some_and(|failure| failure.contains("panic"))
        );
    }

    #[tokio::test]
    async fn a_load_ends_although_nobody_waits_and_is_not_started_twice() {
        let refreshed = Refreshed::new();
        let waiting = refreshed.load(0, async { Ok(1) });
        drop(refreshed.load(0, async { Ok(2) }));
        waiting.await;
        assert_eq!(
            (value(&refreshed.seen(now())), refreshed.generation()),
            (Some(1), 1)
        );
    }
}
