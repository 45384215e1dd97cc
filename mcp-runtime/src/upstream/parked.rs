//! The calls that wait at servers with a session, until modern clients repeat theirs with answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exchange::Exchange;
use super::open::Question;
use crate::call::CallContext;
use crate::sync::Mutex;

/// The time for which a call waits at the server for the answer of a modern client.
const PARKED_FOR: Duration = Duration::from_secs(600);
/// The number of calls that wait at the server.
const MAX_PARKED: usize = 1024;

/// The calls that wait at servers for answers of modern clients, by key.
#[derive(Default)]
pub(super) struct Parked(pub(super) Mutex<BTreeMap<String, Waiting>>);

pub(super) struct Waiting {
    pub(super) exchange: Exchange,
    /// The questions without an answer.
    pub(super) questions: Vec<Question>,
    since: Instant,
}

impl Waiting {
    pub(super) fn new(exchange: Exchange, questions: Vec<Question>) -> Self {
        let since = Instant::now();
        Self {
            exchange,
            questions,
            since,
        }
    }
}

impl Parked {
    /// Keeps a call for some time. The oldest one ends if there are too many.
    pub(super) fn put(self: &Arc<Self>, key: String, waiting: Waiting) {
        let ended = {
            let mut all = self.0.lock();
            all.insert(key.clone(), waiting);
            let oldest = all.iter().min_by_key(|(_, waiting)| waiting.since);
            let oldest = oldest.filter(|_| all.len() > MAX_PARKED);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|key| all.remove(&key))
        };
        drop(ended);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let place = Arc::downgrade(self);
        runtime.spawn(async move {
            tokio::time::sleep(PARKED_FOR).await;
            let Some(place) = place.upgrade() else {
                return;
            };
            // The call may wait for a later question meanwhile.
            let is_old = |waiting: &Waiting| waiting.since.elapsed() >= PARKED_FOR;
            let mut all = place.0.lock();
            let ended = all.get(&key).is_some_and(is_old).then(|| all.remove(&key));
            drop(all);
            drop(ended);
        });
    }
}

/// A call that goes back to [`Parked`] if its handler is dropped while it waits for the client.
pub(super) struct Kept {
    pub(super) place: Arc<Parked>,
    pub(super) key: String,
    pub(super) call: Arc<CallContext>,
    pub(super) waiting: Option<Waiting>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A call that its client cancelled is cancelled at the server, too.
        if let Some(waiting) = self.waiting.take().filter(|_| !self.call.is_stopped()) {
            self.place.put(std::mem::take(&mut self.key), waiting);
        }
    }
}
