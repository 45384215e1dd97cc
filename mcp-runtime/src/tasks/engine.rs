//! The engine: it reads and changes records. Each change is a compare-and-set.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use super::id::TaskId;
use super::options::Tasks;
use super::owners;
use super::problem::{ATTEMPTS, TaskProblem};
use super::record::{Lease, Record};
use super::waiting::{Waiting, WaitingRequests};
use crate::bus::{Bus, Change};
use crate::call::{EffectRecorder, TaskLink};
use crate::owner::Owner;
use crate::seal::unique;
use crate::service::BoxFuture;
use crate::store::{Store, StoreEntry, now};
use crate::sync::Mutex;

/// The time for which a process runs a task without renewing its lease, and the rest of it at which the lease is renewed.
const LEASE: u64 = 30_000;
const RENEW: u64 = 20_000;

/// How often a task is started at most.
const MAX_STARTS: u32 = 5;

/// The maximum number of unfinished tasks of one process, and that of one account. Local callers have no limit of their own:
/// stdio has one client.
const MAX_RUNNING: usize = 4096;
const SHARE: usize = MAX_RUNNING / 4;

/// A task that this process runs, in the list of all of them.
struct Entered {
    link: Arc<TaskLink>,
    account: Owner,
    /// The version of the state that the sessions of its caller were told last.
    told: Option<u64>,
}

/// The engine of a server. All tasks of its clients are in its store, also those of other processes.
pub(crate) struct Engine {
    pub(super) options: Tasks,
    store: OnceLock<Arc<dyn Store>>,
    bus: Arc<Bus>,
    /// A text that no other process has.
    process: OnceLock<String>,
    /// The tasks that this process runs.
    running: Mutex<HashMap<TaskId, Entered>>,
    waiting: Arc<WaitingRequests>,
}

impl Engine {
    pub(crate) fn new(options: Tasks, bus: Arc<Bus>) -> Arc<Self> {
        let store = options.store.clone();
        Arc::new(Self {
            options,
            store: store.map_or_else(OnceLock::new, OnceLock::from),
            bus,
            process: OnceLock::new(),
            running: Mutex::default(),
            waiting: Arc::default(),
        })
    }

    /// Returns the store. The default one is created at its first use.
    pub(super) fn store(&self) -> &Arc<dyn Store> {
        self.store.get_or_init(Tasks::default_store)
    }

    pub(super) fn lease(&self, now: u64) -> Lease {
        Lease {
            process: self.process.get_or_init(unique).clone(),
            until: now + LEASE,
        }
    }

    /// Returns `true` if this process has the lease of a task since this start of it: it may have lost the lease, and then have
    /// taken the task over again.
    pub(crate) fn runs(&self, record: &Record, start: u32) -> bool {
        let process = self.process.get();
        let lease = record.lease.as_ref();
        record.starts == start && lease.is_some_and(|lease| Some(&lease.process) == process)
    }

    /// Checks that this process may run one more task of an account.
    ///
    /// # Errors
    /// Returns an error if it runs too many, of all accounts or of this one.
    pub(crate) fn check_running(&self, account: &Owner) -> Result<(), TaskProblem> {
        let running = self.running.lock();
        if running.len() >= MAX_RUNNING {
            return Err(TaskProblem::Busy(MAX_RUNNING));
        }
        let is_own = |it: &&Entered| it.account == *account;
        // An account cannot have more tasks than all accounts together.
        let is_full = running.len() >= SHARE && running.values().filter(is_own).count() >= SHARE;
        if is_full && *account != Owner::Local {
            return Err(TaskProblem::TooMany(SHARE));
        }
        Ok(())
    }

    /// Removes a task from the unfinished ones of its account. An entry that stays expires with the task.
    pub(super) async fn release(&self, record: &Record, account: &Owner, id: &TaskId) {
        let released = owners::release(self.store(), &record.owner, account, id.as_str());
        if let Err(problem) = released.await {
            tracing::warn!(%problem, "a finished task still counts as an unfinished one");
        }
    }

    async fn load(&self, id: &TaskId) -> Result<(Vec<u8>, Record), TaskProblem> {
        let bytes = self.store().get(&id.key()).await;
        let bytes = bytes.map_err(TaskProblem::Store)?;
        let bytes = bytes.ok_or(TaskProblem::Unknown)?;
        let record: Record =
            serde_json::from_slice(&bytes).map_err(|error| TaskProblem::Store(error.into()))?;
        if now() >= record.expires {
            return Err(TaskProblem::Unknown);
        }
        Ok((bytes, record))
    }

    /// Returns how often clients should ask for the state of a task.
    pub(crate) fn poll_interval(&self) -> Duration {
        self.options.poll_interval
    }

    /// Returns the record of a task.
    pub(crate) async fn get(&self, id: &TaskId) -> Result<Record, TaskProblem> {
        Ok(self.load(id).await?.1)
    }

    /// Changes the record of a task that has not ended, and returns the new record. `change` returns whether the record has
    /// changed, and whether clients see the change; it may run several times. A task that has ended is returned as it is.
    ///
    /// # Errors
    /// Returns an error if there is no such task, or if the store fails. Then nothing has changed.
    pub(crate) async fn change(
        self: &Arc<Self>,
        id: &TaskId,
        account: &Owner,
        mut change: impl FnMut(&mut Record) -> Changed,
    ) -> Result<Record, TaskProblem> {
        for _ in 0..ATTEMPTS {
            let (old, mut record) = self.load(id).await?;
            if record.status.is_end() {
                return Ok(record);
            }
            let changed = change(&mut record);
            match changed {
                Changed::Nothing => return Ok(record),
                Changed::Inside => {}
                Changed::Outside => record.touch(now()),
            }
            let is_end = record.status.is_end();
            let (engine, id, account) = (Arc::clone(self), id.clone(), account.clone());
            let write = async move {
                let is_written = engine.write(&id, &account, &old, &record, changed).await?;
                Ok(is_written.then_some(record))
            };
            let written = if is_end {
                // What follows an end is done even if the request that ends the task is dropped.
                let written = tokio::spawn(write).await;
                written.unwrap_or_else(|error| Err(TaskProblem::Store(error.into())))?
            } else {
                write.await?
            };
            if let Some(record) = written {
                return Ok(record);
            }
        }
        Err(TaskProblem::Contended)
    }

    /// Writes a record in place of an older one, and returns `false` if it is not the current one any more.
    async fn write(
        &self,
        id: &TaskId,
        account: &Owner,
        old: &[u8],
        record: &Record,
        changed: Changed,
    ) -> Result<bool, TaskProblem> {
        let new = encode(record)?;
        let entry = entry(record, &new, account);
        let replaced = self.store().replace(&id.key(), old, entry).await;
        let is_replaced = replaced.map_err(TaskProblem::Store)?;
        if is_replaced && record.status.is_end() {
            self.settle(id, record, account).await;
        } else if is_replaced && changed == Changed::Outside {
            self.tell(id, record);
        }
        Ok(is_replaced)
    }

    /// Does what follows the end of a task. It may be repeated, if nobody knows whether it was done.
    pub(crate) async fn settle(&self, id: &TaskId, record: &Record, account: &Owner) {
        self.release(record, account, id).await;
        self.tell(id, record);
    }

    /// Notifies the clients that listen to a task, and its handler.
    fn tell(&self, id: &TaskId, record: &Record) {
        // The lock is held meanwhile, so that sessions are told newer states only.
        let mut running = self.running.lock();
        let mut entered = running.get_mut(id);
        let is_newer = match &mut entered {
            Some(entered) if entered.told >= Some(record.version) => false,
            Some(entered) => {
                entered.told = Some(record.version);
                true
            }
            None => record.status.is_end(),
        };
        self.bus.announce(&Change::Task {
            id: id.as_str().into(),
            version: record.version,
            members: record.state(id.as_str()).into(),
            of_session: record.listed_for().filter(|_| is_newer).map(Into::into),
        });
        if let Some(entered) = entered {
            entered.link.news.notify_one();
        }
        self.waiting.wake(id);
    }

    /// Notifies the handler of a task, if it runs in this process, and the requests that wait for its result, that the record has
    /// changed.
    pub(crate) fn wake(&self, id: &TaskId) {
        if let Some(entered) = self.running.lock().get(id) {
            entered.link.news.notify_one();
        }
        self.waiting.wake(id);
    }

    /// Adds a request that waits for the result of a task.
    pub(crate) fn wait_for(&self, id: &TaskId) -> Waiting {
        self.waiting.enter(id)
    }

    /// Wakes all tasks and the requests that wait for them, because the server stops.
    pub(crate) fn wake_all(&self) {
        let running = self.running.lock();
        running.values().for_each(|it| it.link.news.notify_one());
        self.waiting.wake_all();
    }

    /// Returns `true` while this process runs this task.
    pub(crate) fn has(&self, id: &TaskId) -> bool {
        self.running.lock().contains_key(id)
    }

    /// Renews the lease of a task if it ends soon. Returns `true` if it was renewed.
    pub(crate) fn renew(&self, record: &mut Record) -> bool {
        let ends_soon = |lease: &Lease| lease.until < now() + RENEW;
        let is_due = record.lease.as_ref().is_some_and(ends_soon);
        if is_due {
            self.extend(record);
        }
        is_due
    }

    /// Renews the lease of a task, also if it does not end soon.
    pub(crate) fn extend(&self, record: &mut Record) {
        record.lease = Some(self.lease(now()));
    }

    /// Takes back that a task was taken over, because it could not be started now.
    pub(crate) fn give_back(record: &mut Record) {
        record.starts = record.starts.saturating_sub(1);
        record.lease = None;
    }

    /// Gives up the lease of a task, so that another process can start it again.
    pub(crate) fn give_up(record: &mut Record) {
        record.lease = None;
    }

    /// Returns `true` if no process runs an unfinished task. What this process runs is not abandoned, even if it could not
    /// renew the lease in time.
    pub(crate) fn is_abandoned(&self, id: &TaskId, record: &Record) -> bool {
        let is_running = |lease: &Lease| now() < lease.until;
        let is_leased = record.lease.as_ref().is_some_and(is_running);
        !record.status.is_end() && !is_leased && !self.running.lock().contains_key(id)
    }

    /// Takes over a task that no process runs. Returns `false` if it cannot be started again.
    pub(crate) fn take_over(&self, record: &mut Record) -> bool {
        if record.request.is_none() || record.starts >= MAX_STARTS {
            return false;
        }
        record.starts += 1;
        self.extend(record);
        true
    }

    /// Returns `true` while this process runs a task.
    pub(crate) fn is_running(&self) -> bool {
        !self.running.lock().is_empty()
    }

    /// Registers a task that this process runs, until the returned guard is dropped.
    pub(crate) fn enter(
        self: &Arc<Self>,
        id: &TaskId,
        link: Arc<TaskLink>,
        account: Owner,
    ) -> Running {
        let entered = Entered {
            link: Arc::clone(&link),
            account,
            told: None,
        };
        self.running.lock().insert(id.clone(), entered);
        Running {
            engine: Arc::clone(self),
            id: id.clone(),
            link,
        }
    }

    /// Returns a recorder of the effects of a task, since this start of it.
    pub(crate) fn recorder(
        self: &Arc<Self>,
        id: &TaskId,
        start: u32,
        account: &Owner,
    ) -> Box<dyn EffectRecorder> {
        Box::new(Recorder {
            engine: Arc::clone(self),
            id: id.clone(),
            start,
            account: account.clone(),
        })
    }
}

/// How a change of a record changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    Nothing,
    /// Clients do not see the change.
    Inside,
    /// Clients see the change.
    Outside,
}

/// A task that this process runs.
pub(crate) struct Running {
    engine: Arc<Engine>,
    id: TaskId,
    link: Arc<TaskLink>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.engine.running.lock();
        let is_own = |entered: &Entered| Arc::ptr_eq(&entered.link, &self.link);
        if running.get(&self.id).is_some_and(is_own) {
            running.remove(&self.id);
        }
    }
}

struct Recorder {
    engine: Arc<Engine>,
    id: TaskId,
    start: u32,
    account: Owner,
}

impl EffectRecorder for Recorder {
    fn record(&self, key: &str, outcome: &Value) -> BoxFuture<bool> {
        let (engine, id, start) = (Arc::clone(&self.engine), self.id.clone(), self.start);
        let (account, key, outcome) = (self.account.clone(), key.to_owned(), outcome.clone());
        Box::pin(async move {
            // A task that has ended, or that another process runs, does not change.
            let mut is_own = false;
            let recorded = engine.change(&id, &account, |record| {
                is_own = engine.runs(record, start);
                if !is_own {
                    return Changed::Nothing;
                }
                record.outcomes.insert(key.clone(), outcome.clone());
                Changed::Inside
            });
            match recorded.await {
                Ok(_) => is_own,
                Err(problem) => {
                    tracing::error!(%problem, "the outcome of an effect of a task could not be recorded");
                    false
                }
            }
        })
    }
}

pub(super) fn encode(record: &Record) -> Result<Vec<u8>, TaskProblem> {
    serde_json::to_vec(record).map_err(|error| TaskProblem::Store(error.into()))
}

pub(super) fn entry<'a>(record: &Record, bytes: &'a [u8], account: &Owner) -> StoreEntry<'a> {
    let rest = Duration::from_millis(record.expires.saturating_sub(now()));
    StoreEntry {
        owner: account.clone(),
        ..StoreEntry::new(bytes, rest)
    }
}
