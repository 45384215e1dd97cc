//! The calls in flight of sessions: what `notifications/cancelled` can name.
//!
//! The stateless era needs none of this: there a call ends with its connection. Calls may share an id, since there are
//! clients that give each of their requests the same one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::log::Log;
use crate::protocol::error::Class;
use crate::service::{Pending, Reply, RequestKey, Stop};
use crate::sync::{Mutex, MutexGuard};
use crate::transport::incoming::join;

/// The calls in flight, in the order in which they began.
#[derive(Default)]
pub(super) struct Calls(Mutex<Running>);

#[derive(Default)]
struct Running {
    next: u64,
    calls: BTreeMap<u64, InFlight>,
}

struct InFlight {
    key: RequestKey,
    stop: Arc<dyn Stop>,
    sender: oneshot::Sender<()>,
}

impl InFlight {
    fn cancel(self) {
        self.stop.stop();
        // It fails if the call has just ended.
        let _ = self.sender.send(());
    }
}

impl Calls {
    /// Runs a call by itself, whatever becomes of its connection. Its answer goes into the log, if it is not cancelled.
    pub(super) fn run(self: &Arc<Self>, key: RequestKey, pending: Pending, log: Arc<Log>) {
        let (call, cancelled) = self.enter(key, pending.stop);
        let handler = pending.future;
        tokio::spawn(async move {
            tokio::select! {
                reply = handler => {
                    drop(call);
                    log.finish(Some(reply));
                }
                _ = cancelled => log.finish(None),
            }
        });
    }

    /// Runs calls that came together by themselves. Their answers, and those that there are already, go into the log
    /// together.
    pub(super) fn run_batch(
        self: &Arc<Self>,
        calls: Vec<(RequestKey, Pending)>,
        mut replies: Vec<String>,
        log: Arc<Log>,
    ) {
        let mut running = JoinSet::new();
        for (key, pending) in calls {
            let (call, cancelled) = self.enter(key, pending.stop);
            running.spawn(async move {
                let _call = call;
                tokio::select! {
                    reply = pending.future => Some(reply.text),
                    _ = cancelled => None,
                }
            });
        }
        tokio::spawn(async move {
            while let Some(ended) = running.join_next().await {
                replies.extend(ended.ok().flatten());
            }
            let answer = join(&replies);
            log.finish(answer.map(|answer| Reply::new(answer, Class::Answered)));
        });
    }

    /// Notes a call. What it gives resolves when the call is cancelled.
    fn enter(
        self: &Arc<Self>,
        key: RequestKey,
        stop: Arc<dyn Stop>,
    ) -> (Call, oneshot::Receiver<()>) {
        let (sender, cancelled) = oneshot::channel();
        let mut running = self.lock();
        let number = running.next;
        running.next += 1;
        running.calls.insert(number, InFlight { key, stop, sender });
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
            .find(|(_, call)| call.key == *key);
        let number = found.map(|(number, _)| *number);
        let call = number.and_then(|number| running.calls.remove(&number));
        drop(running);
        if let Some(call) = call {
            call.cancel();
        }
    }

    /// Cancels every call: nobody is left to answer.
    pub(super) fn cancel_all(&self) {
        let calls = std::mem::take(&mut self.lock().calls);
        for (_, call) in calls {
            call.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock()
    }
}

/// A call in flight, until this is dropped.
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

    struct Nothing;

    impl Stop for Nothing {
        fn stop(&self) {}
    }

    #[test]
    fn a_call_that_ended_leaves_nothing_behind() {
        let calls = Arc::<Calls>::default();
        let entered = calls.enter(([0; 16], Id::Number(1)), Arc::new(Nothing));
        assert_eq!(calls.lock().calls.len(), 1);
        drop(entered);
        assert!(calls.lock().calls.is_empty());
    }
}
