//! The part of a call that may become a task.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use serde_json::Value;
use tokio::sync::{Notify, Semaphore};

use super::CallContext;
use crate::service::BoxFuture;
use crate::sync::Mutex;

/// Records the outcomes of effects of a task, which another process may continue.
pub(crate) trait EffectRecorder: Send + Sync {
    /// Records an outcome. Returns `false` if it could not be recorded.
    fn record(&self, key: &str, outcome: &Value) -> BoxFuture<bool>;
}

/// What the handler of a call and the task that the call becomes know of each other.
pub(crate) struct TaskLink {
    /// The call, once its handler is at the gate, or from the start if it is a task already.
    call: OnceLock<Weak<CallContext>>,
    /// Closed, as a semaphore, when the body of the handler may begin.
    gate: Semaphore,
    /// `true` once the call is a task.
    is_task: AtomicBool,
    /// Notified when the task must look at the handler or at its record.
    pub(crate) news: Notify,
    /// The newest progress that is not in the record yet.
    message: Mutex<Option<String>>,
    recorder: OnceLock<Box<dyn EffectRecorder>>,
    /// The answers and outcomes of an earlier run.
    known: Mutex<Option<Known>>,
}

/// Answers by the identities of their questions, and outcomes of effects by key.
type Known = (Vec<(String, Value)>, BTreeMap<String, Value>);

impl TaskLink {
    /// Returns a link whose gate is open if the call becomes a task only after some time.
    pub(crate) fn new(is_open: bool) -> Arc<Self> {
        let link = Self {
            call: OnceLock::new(),
            gate: Semaphore::new(0),
            is_task: AtomicBool::new(false),
            news: Notify::new(),
            message: Mutex::default(),
            recorder: OnceLock::new(),
            known: Mutex::default(),
        };
        if is_open {
            link.open();
        }
        Arc::new(link)
    }

    /// Lets a call that is a task already ask its first questions, which come before the gate.
    pub(crate) fn know(&self, call: &Arc<CallContext>) {
        if self.is_task() {
            let _ = self.call.set(Arc::downgrade(call));
        }
    }

    /// Waits at the gate. The handler's arguments are read, and its `#[ask]` parameters are answered.
    pub(crate) async fn pass(&self, call: &Arc<CallContext>) {
        let _ = self.call.set(Arc::downgrade(call));
        self.news.notify_one();
        // There are no permits, so this ends with an error when the semaphore is closed.
        let _ = self.gate.acquire().await;
    }

    /// Opens the gate.
    pub(crate) fn open(&self) {
        self.gate.close();
    }

    /// Returns the call, once its handler is at the gate.
    pub(crate) fn call(&self) -> Option<Arc<CallContext>> {
        self.call.get()?.upgrade()
    }

    /// Makes the call a task, whose effects are recorded, if another process may continue it.
    pub(crate) fn begin(&self, recorder: Option<Box<dyn EffectRecorder>>) {
        if let Some(recorder) = recorder {
            let _ = self.recorder.set(recorder);
        }
        self.is_task.store(true, Ordering::Release);
    }

    /// Keeps the answers and outcomes of an earlier run for the next one.
    pub(crate) fn restore(&self, answers: Vec<(String, Value)>, outcomes: BTreeMap<String, Value>) {
        *self.known.lock() = Some((answers, outcomes));
    }

    /// Returns the answers and outcomes of an earlier run, once.
    pub(crate) fn take_known(&self) -> Option<Known> {
        self.known.lock().take()
    }

    /// Returns `true` once the call is a task.
    pub(crate) fn is_task(&self) -> bool {
        self.is_task.load(Ordering::Acquire)
    }

    /// Reports progress.
    pub(crate) fn report(&self, message: String) {
        *self.message.lock() = Some(message);
        self.news.notify_one();
    }

    /// Returns `true` if there is progress that is not in the record yet.
    pub(crate) fn has_message(&self) -> bool {
        self.message.lock().is_some()
    }

    /// Takes the newest progress.
    pub(crate) fn take_message(&self) -> Option<String> {
        self.message.lock().take()
    }

    /// Returns the recorder of effects, if they are recorded.
    pub(crate) fn recorder(&self) -> Option<&dyn EffectRecorder> {
        self.recorder.get().map(|recorder| &**recorder)
    }
}

impl fmt::Debug for TaskLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TaskLink").finish_non_exhaustive()
    }
}
