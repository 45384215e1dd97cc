//! The calls of a connection that wait, each polled by a task. A task whose call has ended takes the next one, because to create
//! a task costs ten times as much as to wake one.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::sync::Mutex;

/// The number of tasks without a call that a connection keeps.
const MAX_IDLE: usize = 16;

/// The calls that wait. Dropping it drops them.
pub(super) struct Calls<C> {
    tasks: JoinSet<()>,
    shared: Arc<Shared<C>>,
}

/// The state that the tasks share.
struct Shared<C> {
    idle: Mutex<Vec<Arc<Slot<C>>>>,
    /// The number of calls.
    running: AtomicUsize,
    /// Notified when the last call has ended.
    ended: Notify,
}

/// The place for the next call of a task.
struct Slot<C>(Mutex<(Option<C>, Option<Waker>)>);

impl<C> Slot<C> {
    fn put(&self, call: C) {
        let mut slot = self.0.lock();
        slot.0 = Some(call);
        let waker = slot.1.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_take(&self, context: &Context<'_>) -> Poll<C> {
        let mut slot = self.0.lock();
        if let Some(call) = slot.0.take() {
            return Poll::Ready(call);
        }
        slot.1 = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A call while its task polls it. It counts as running until just before it is dropped.
struct Running<'a, C> {
    shared: &'a Shared<C>,
    call: C,
}

impl<C: Future<Output = ()> + Unpin> Future for Running<'_, C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.call).poll(context)
    }
}

impl<C> Drop for Running<'_, C> {
    fn drop(&mut self) {
        if self.shared.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.ended.notify_one();
        }
    }
}

impl<C: Future<Output = ()> + Unpin + Send + 'static> Calls<C> {
    pub(super) fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            shared: Arc::new(Shared {
                idle: Mutex::default(),
                running: AtomicUsize::new(0),
                ended: Notify::new(),
            }),
        }
    }

    /// Polls a call until it ends.
    pub(super) fn spawn(&mut self, call: C) {
        self.shared.running.fetch_add(1, Ordering::AcqRel);
        let idle = self.shared.idle.lock().pop();
        match idle {
            Some(slot) => slot.put(call),
            None => self.spawn_task(call),
        }
    }

    fn spawn_task(&mut self, call: C) {
        while self.tasks.try_join_next().is_some() {}
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(run(shared, call));
    }

    /// Returns `true` if no call waits.
    pub(super) fn is_empty(&self) -> bool {
        self.shared.running.load(Ordering::Acquire) == 0
    }

    /// Waits until all calls have ended.
    pub(super) async fn ended(&self) {
        while !self.is_empty() {
            self.shared.ended.notified().await;
        }
    }
}

/// Polls a call, and then others, as long as few tasks are without one.
async fn run<C: Future<Output = ()> + Unpin>(shared: Arc<Shared<C>>, mut call: C) {
    let slot = Arc::new(Slot(Mutex::default()));
    loop {
        Running {
            shared: &shared,
            call,
        }
        .await;
        {
            let mut idle = shared.idle.lock();
            if idle.len() >= MAX_IDLE {
                return;
            }
            idle.push(Arc::clone(&slot));
        }
        call = poll_fn(|context| slot.poll_take(context)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Runs calls at the same time, and returns the tasks that polled them.
    async fn run_together(calls: &mut Calls<Call>, count: usize) -> HashSet<tokio::task::Id> {
        let seen: Arc<Mutex<HashSet<tokio::task::Id>>> = Arc::default();
        for _ in 0..count {
            let seen = Arc::clone(&seen);
            calls.spawn(Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                seen.lock().insert(tokio::task::id());
            }));
        }
        assert!(!calls.is_empty());
        calls.ended().await;
        let seen = seen.lock().clone();
        assert_eq!(seen.len(), count, "each call has a task");
        seen
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_take_further_calls_and_few_are_kept() {
        let mut calls = Calls::new();
        let first = run_together(&mut calls, 3).await;
        assert!(run_together(&mut calls, 2).await.is_subset(&first));
        let many = run_together(&mut calls, 3 * MAX_IDLE).await;
        tokio::task::yield_now().await;
        assert!(many.is_superset(&first));
        assert_eq!(calls.shared.idle.lock().len(), MAX_IDLE);
        calls.spawn(Box::pin(async {}));
        calls.ended().await;
        assert!(calls.tasks.len() >= MAX_IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_panics_has_ended_and_a_dropped_connection_drops_its_calls() {
        let mut calls: Calls<Call> = Calls::new();
        calls.spawn(Box::pin(async { panic!("a panic") }));
        calls.ended().await;
        let kept = Arc::new(());
        let held = Arc::clone(&kept);
        calls.spawn(Box::pin(async move {
            std::future::pending::<()>().await;
            drop(held);
        }));
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&kept), 2);
        drop(calls);
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}
