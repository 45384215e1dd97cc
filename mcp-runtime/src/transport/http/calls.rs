//! The calls in flight of sessions: what `notifications/cancelled` can name.
//!
//! The stateless era needs none of this: there a call ends with its connection.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::service::RequestKey;

/// The calls in flight. A call that cannot be cancelled (yet) has no sender.
#[derive(Debug, Default)]
pub(super) struct Calls {
    running: Mutex<HashMap<RequestKey, Option<oneshot::Sender<()>>>>,
}

impl Calls {
    /// Notes a call; `None` if another call of the session has this id.
    pub(super) fn enter(self: &Arc<Self>, key: RequestKey) -> Option<Call> {
        match self.lock().entry(key.clone()) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(vacant) => vacant.insert(None),
        };
        Some(Call {
            calls: Arc::clone(self),
            key,
        })
    }

    /// Cancels a call. It may have ended, or never begun: that is no error.
    pub(super) fn cancel(&self, key: &RequestKey) {
        let sender = self.lock().get_mut(key).and_then(Option::take);
        if let Some(sender) = sender {
            // It fails if the call has just ended.
            let _ = sender.send(());
        }
    }

    /// Cancels every call: nobody is left to answer.
    pub(super) fn cancel_all(&self) {
        for sender in self.lock().values_mut().filter_map(Option::take) {
            let _ = sender.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RequestKey, Option<oneshot::Sender<()>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in flight; its id is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Call {
    calls: Arc<Calls>,
    key: RequestKey,
}

impl Call {
    /// Resolves when the call is cancelled.
    pub(super) fn cancelled(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        if let Some(slot) = self.calls.lock().get_mut(&self.key) {
            *slot = Some(sender);
        }
        receiver
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.key);
    }
}
