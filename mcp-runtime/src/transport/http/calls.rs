//! The calls in flight of sessions: what `notifications/cancelled` can name.
//!
//! The stateless era needs none of this: there a call ends with its connection. Calls may share an id, since there are
//! clients that give each of their requests the same one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::service::RequestKey;

/// The calls in flight, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    next: u64,
    calls: BTreeMap<u64, (RequestKey, oneshot::Sender<()>)>,
}

impl Calls {
    /// Notes a call. What it gives resolves when the call is cancelled.
    pub(super) fn enter(self: &Arc<Self>, key: RequestKey) -> (Call, oneshot::Receiver<()>) {
        let (sender, cancelled) = oneshot::channel();
        let mut running = self.lock();
        let number = running.next;
        running.next += 1;
        running.calls.insert(number, (key, sender));
        let calls = Arc::clone(self);
        (Call { calls, number }, cancelled)
    }

    /// Cancels a call, the newest of those that share the id. It may have ended, or never begun: that is no error.
    pub(super) fn cancel(&self, key: &RequestKey) {
        let mut running = self.lock();
        let found = running
            .calls
            .iter()
            .rev()
            .find(|(_, (other, _))| other == key);
        let number = found.map(|(number, _)| *number);
        if let Some((_, sender)) = number.and_then(|number| running.calls.remove(&number)) {
            // It fails if the call has just ended.
            let _ = sender.send(());
        }
    }

    /// Cancels every call: nobody is left to answer.
    pub(super) fn cancel_all(&self) {
        for (_, (_, sender)) in std::mem::take(&mut self.lock().calls) {
            let _ = sender.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in flight, until this is dropped.
#[derive(Debug)]
pub(super) struct Call {
    calls: Arc<Calls>,
    number: u64,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.calls.lock().calls.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Id;

    #[test]
    fn a_call_that_ended_leaves_nothing_behind() {
        let calls = Arc::<Calls>::default();
        let entered = calls.enter(([0; 16], Id::Number(1)));
        assert_eq!(calls.lock().calls.len(), 1);
        drop(entered);
        assert!(calls.lock().calls.is_empty());
    }
}
