//! The engine: it creates, reads and changes records. Each change is a compare-and-set.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use super::options::Tasks;
use super::owners;
use super::problem::{ATTEMPTS, TaskProblem};
use super::record::{Lease, Record, Status};
use crate::bus::{Bus, Change};
use crate::call::{EffectRecorder, TaskLink};
use crate::owner::Owner;
use crate::seal::{random_bytes, unique};
use crate::service::BoxFuture;
use crate::store::{Store, StoreEntry, milliseconds, now};
use crate::sync::Mutex;

/// The time for which a process runs a task without renewing its lease, and the rest of it at which the lease is renewed.
const LEASE: u64 = 30_000;
const RENEW: u64 = 20_000;

/// How often a task is started at most.
const MAX_STARTS: u32 = 5;

/// The maximum number of unfinished tasks of one process.
const MAX_RUNNING: usize = 4096;

/// The id of a task: 32 hexadecimal digits, which cannot be guessed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct TaskId(Arc<str>);

impl TaskId {
    fn random() -> Result<Self, TaskProblem> {
        let bytes: [u8; 16] = random_bytes().map_err(|error| TaskProblem::Store(error.into()))?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bytes)).into()))
    }

    /// Returns the id of a request, or `None` if no task can have it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 32 && text.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn key(&self) -> String {
        format!("task-{}", self.0)
    }
}

/// A task to create.
pub(crate) struct NewTask {
    pub(crate) tool: String,
    pub(crate) principal: Option<String>,
    pub(crate) account: Owner,
    /// The message that calls the tool, if the task can be started again.
    pub(crate) request: Option<String>,
    pub(crate) answers: Vec<(String, Value)>,
    pub(crate) outcomes: BTreeMap<String, Value>,
}

/// The engine of a server. All tasks of its clients are in its store, also those of other processes.
pub(crate) struct Engine {
    options: Tasks,
    store: OnceLock<Arc<dyn Store>>,
    bus: Arc<Bus>,
    /// A text that no other process has.
    process: OnceLock<String>,
    /// The tasks that this process runs.
    running: Mutex<HashMap<TaskId, Arc<TaskLink>>>,
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
        })
    }

    /// Returns the store. The default one is created at its first use.
    fn store(&self) -> &Arc<dyn Store> {
        self.store.get_or_init(Tasks::default_store)
    }

    fn lease(&self, now: u64) -> Lease {
        Lease {
            process: self.process.get_or_init(unique).clone(),
            until: now + LEASE,
        }
    }

    /// Returns `true` if this process has the lease of a task.
    pub(crate) fn runs(&self, record: &Record) -> bool {
        let process = self.process.get();
        let lease = record.lease.as_ref();
        lease.is_some_and(|lease| Some(&lease.process) == process)
    }

    /// Creates a task, which this process runs. When this returns, every process that has the store finds it.
    ///
    /// # Errors
    /// Returns an error if a limit is reached or if the store fails. Then there is no task.
    pub(crate) async fn create(&self, new: NewTask) -> Result<(TaskId, Record), TaskProblem> {
        if self.running.lock().len() >= MAX_RUNNING {
            return Err(TaskProblem::Busy(MAX_RUNNING));
        }
        let (id, now) = (TaskId::random()?, now());
        let record = Record {
            tool: new.tool,
            principal: new.principal,
            owner: owners::key(&new.account),
            created: now,
            updated: now,
            expires: now.saturating_add(milliseconds(self.options.ttl)),
            poll_interval: milliseconds(self.options.poll_interval),
            version: 0,
            status: Status::Working,
            message: None,
            asked: BTreeMap::new(),
            names: BTreeSet::new(),
            answers: new.answers,
            outcomes: new.outcomes,
            request: new.request,
            lease: Some(self.lease(now)),
            starts: 1,
            result: None,
            error: None,
        };
        let (store, account) = (self.store(), &new.account);
        let limit = self.options.per_principal;
        owners::reserve(store, (account, id.as_str(), record.expires), limit).await?;
        let bytes = encode(&record)?;
        let key = id.key();
        let put = store.put_if_absent(&key, entry(&record, &bytes, account));
        let failed = match put.await {
            Ok(true) => return Ok((id, record)),
            // Two equal random numbers.
            Ok(false) => TaskProblem::Contended,
            Err(error) => TaskProblem::Store(error),
        };
        self.release(&record, account, &id).await;
        Err(failed)
    }

    /// Removes a task that no client knows.
    pub(crate) async fn withdraw(&self, id: &TaskId, record: &Record, account: &Owner) {
        if let Err(error) = self.store().remove(&id.key()).await {
            tracing::warn!(%error, "the record of a task could not be removed");
        }
        self.release(record, account, id).await;
    }

    /// Removes a task from the unfinished ones of its account. An entry that stays expires with the task.
    async fn release(&self, record: &Record, account: &Owner, id: &TaskId) {
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
        &self,
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
            let new = encode(&record)?;
            let entry = entry(&record, &new, account);
            let replaced = self.store().replace(&id.key(), &old, entry).await;
            if !replaced.map_err(TaskProblem::Store)? {
                continue;
            }
            if record.status.is_end() {
                self.release(&record, account, id).await;
            }
            if changed == Changed::Outside {
                self.tell(id, &record);
            }
            return Ok(record);
        }
        Err(TaskProblem::Contended)
    }

    /// Notifies the clients that listen to a task, and its handler.
    fn tell(&self, id: &TaskId, record: &Record) {
        self.bus.announce(&Change::Task {
            id: id.as_str().into(),
            members: record.detail(id.as_str()).into(),
        });
        if let Some(link) = self.running.lock().get(id) {
            link.news.notify_one();
        }
    }

    /// Renews the lease of a task if it ends soon. Returns `true` if it was renewed.
    pub(crate) fn renew(&self, record: &mut Record) -> bool {
        let now = now();
        let ends_soon = |lease: &Lease| lease.until < now + RENEW;
        let is_due = record.lease.as_ref().is_some_and(ends_soon);
        if is_due {
            record.lease = Some(self.lease(now));
        }
        is_due
    }

    /// Gives up the lease of a task, so that another process can start it again.
    pub(crate) fn give_up(record: &mut Record) {
        record.lease = None;
    }

    /// Returns `true` if no process runs an unfinished task.
    pub(crate) fn is_abandoned(record: &Record) -> bool {
        let is_running = |lease: &Lease| now() < lease.until;
        !record.status.is_end() && !record.lease.as_ref().is_some_and(is_running)
    }

    /// Takes over a task that no process runs. Returns `false` if it cannot be started again.
    pub(crate) fn take_over(&self, record: &mut Record) -> bool {
        if record.request.is_none() || record.starts >= MAX_STARTS {
            return false;
        }
        record.starts += 1;
        record.lease = Some(self.lease(now()));
        true
    }

    /// Registers a task that this process runs, until the returned guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, id: &TaskId, link: Arc<TaskLink>) -> Running {
        self.running.lock().insert(id.clone(), link);
        Running {
            engine: Arc::clone(self),
            id: id.clone(),
        }
    }

    /// Returns a recorder of the effects of a task.
    pub(crate) fn recorder(
        self: &Arc<Self>,
        id: &TaskId,
        account: &Owner,
    ) -> Box<dyn EffectRecorder> {
        Box::new(Recorder {
            engine: Arc::clone(self),
            id: id.clone(),
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
}

impl Drop for Running {
    fn drop(&mut self) {
        self.engine.running.lock().remove(&self.id);
    }
}

struct Recorder {
    engine: Arc<Engine>,
    id: TaskId,
    account: Owner,
}

impl EffectRecorder for Recorder {
    fn record(&self, key: &str, outcome: &Value) -> BoxFuture<bool> {
        let (engine, id) = (Arc::clone(&self.engine), self.id.clone());
        let (account, key, outcome) = (self.account.clone(), key.to_owned(), outcome.clone());
        Box::pin(async move {
            let recorded = engine.change(&id, &account, |record| {
                record.outcomes.insert(key.clone(), outcome.clone());
                Changed::Inside
            });
            match recorded.await {
                Ok(_) => true,
                Err(problem) => {
                    tracing::error!(%problem, "the outcome of an effect of a task could not be recorded");
                    false
                }
            }
        })
    }
}

fn encode(record: &Record) -> Result<Vec<u8>, TaskProblem> {
    serde_json::to_vec(record).map_err(|error| TaskProblem::Store(error.into()))
}

fn entry<'a>(record: &Record, bytes: &'a [u8], account: &Owner) -> StoreEntry<'a> {
    let rest = Duration::from_millis(record.expires.saturating_sub(now()));
    StoreEntry {
        owner: account.clone(),
        ..StoreEntry::new(bytes, rest)
    }
}
