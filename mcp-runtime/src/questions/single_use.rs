//! States that serve once, for calls that must happen at most once.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::future::ready;
use std::time::SystemTime;

use futures_core::future::BoxFuture;

use crate::sync::Mutex;

/// What [`UsedStates::use_once`] gives.
pub type UseOnce<'a> = BoxFuture<'a, Result<bool, Box<dyn Error + Send + Sync>>>;

/// Remembers which states were used: see [`Server::single_use_state`](crate::Server::single_use_state).
///
/// Replicas need one memory in common. With Redis, for instance, [`UsedStates::use_once`] is one
/// `SET id 1 NX PXAT expires`: `true` if it was set, an error if Redis cannot be reached.
pub trait UsedStates: Send + Sync + 'static {
    /// Notes that a state is used, and tells whether this is the first time. Of several who ask at once one may be the
    /// first. The id is safe in keys and file names; after `expires` it may be forgotten.
    ///
    /// # Errors
    /// Nobody can tell. The request is refused, and the error is logged.
    fn use_once<'a>(&'a self, id: &'a str, expires: SystemTime) -> UseOnce<'a>;
}

/// Remembers used states in this process. When it is full of states that have not expired, it refuses more.
#[derive(Debug)]
pub struct UsedStatesInMemory {
    most: usize,
    /// The soonest to expire first.
    used: Mutex<BTreeSet<(SystemTime, String)>>,
}

impl UsedStatesInMemory {
    /// For so many states at once, of about 100 bytes each.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            used: Mutex::default(),
        }
    }

    fn note(&self, id: &str, expires: SystemTime, now: SystemTime) -> Result<bool, Full> {
        let mut used = self.used.lock();
        while used.first().is_some_and(|(expires, _)| *expires < now) {
            used.pop_first();
        }
        let state = (expires, id.to_owned());
        if used.contains(&state) {
            return Ok(false);
        }
        if used.len() >= self.most {
            return Err(Full(self.most));
        }
        Ok(used.insert(state))
    }
}

/// For 100,000 states at once.
impl Default for UsedStatesInMemory {
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl UsedStates for UsedStatesInMemory {
    fn use_once<'a>(&'a self, id: &'a str, expires: SystemTime) -> UseOnce<'a> {
        let noted = self.note(id, expires, SystemTime::now());
        Box::pin(ready(noted.map_err(Into::into)))
    }
}

#[derive(Debug)]
struct Full(usize);

impl fmt::Display for Full {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.0;
        write!(
            formatter,
            "{most} used states are remembered, and none of them has expired"
        )
    }
}

impl Error for Full {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_state_serves_once_until_it_expires() {
        let states = UsedStatesInMemory::new(2);
        let now = SystemTime::now();
        let soon = now + Duration::from_secs(1);
        assert!(states.note("a", soon, now).unwrap());
        assert!(!states.note("a", soon, now).unwrap());
        assert!(!states.note("a", soon, soon).unwrap());
        assert!(states.note("b", soon, now).unwrap());
    }

    #[test]
    fn a_full_memory_refuses_until_something_expires() {
        let states = UsedStatesInMemory::new(1);
        let now = SystemTime::now();
        let soon = now + Duration::from_secs(1);
        assert!(states.note("a", soon, now).unwrap());
        assert!(states.note("b", soon, now).is_err());
        assert!(!states.note("a", soon, now).unwrap());
        let later = soon + Duration::from_millis(1);
        assert!(states.note("b", later, later).unwrap());
    }
}
