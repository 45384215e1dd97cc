//! The creation of tasks, and the lists of those of a caller.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::engine::{Engine, encode, entry};
use super::id::TaskId;
use super::owners;
use super::problem::TaskProblem;
use super::record::{Record, Status};
use crate::owner::Owner;
use crate::store::{milliseconds, now};

/// The shortest time for which a task exists, in milliseconds.
const SHORTEST_TTL: u64 = 1000;

/// The maximum number of tasks in a page of a list.
const PAGE: usize = 50;

/// A task to create.
pub(crate) struct NewTask {
    pub(crate) tool: String,
    /// The principal that calls the tool, or else its session.
    pub(crate) caller: Option<String>,
    /// `true` if the client has a session. Its tasks can be listed.
    pub(crate) of_session: bool,
    /// The time for which the task should exist, in milliseconds.
    pub(crate) ttl: Option<u64>,
    pub(crate) account: Owner,
    /// The message that calls the tool, if the task can be started again.
    pub(crate) request: Option<String>,
    pub(crate) answers: Vec<(String, Value)>,
    pub(crate) outcomes: BTreeMap<String, Value>,
}

impl Engine {
    /// Creates a task, which this process runs. When this returns, every process that has the store finds it.
    ///
    /// # Errors
    /// Returns an error if a limit is reached or if the store fails. Then there is no task.
    pub(crate) async fn create(&self, new: NewTask) -> Result<(TaskId, Record), TaskProblem> {
        self.check_running(&new.account)?;
        let (id, now) = (TaskId::random()?, now());
        let record = Record {
            tool: new.tool,
            caller: new.caller,
            of_session: new.of_session,
            owner: owners::key(&new.account),
            created: now,
            updated: now,
            expires: now.saturating_add(self.ttl(new.ttl)),
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
        let task = (id.as_str(), record.expires);
        owners::reserve(store, account, task, limit).await?;
        let created = async {
            if let Some(caller) = record.listed_for() {
                owners::list(store, caller, account, task).await?;
            }
            let bytes = encode(&record)?;
            let key = id.key();
            let put = store.put_if_absent(&key, entry(&record, &bytes, account));
            match put.await {
                Ok(true) => Ok(()),
                // Two equal random numbers.
                Ok(false) => Err(TaskProblem::Contended),
                Err(error) => Err(TaskProblem::Store(error)),
            }
        };
        if let Err(problem) = created.await {
            self.unlist(&record, account, &id).await;
            self.release(&record, account, &id).await;
            return Err(problem);
        }
        Ok((id, record))
    }

    /// Returns the time for which a task exists, in milliseconds. A client may ask for less than the default.
    fn ttl(&self, requested: Option<u64>) -> u64 {
        let longest = milliseconds(self.options.ttl);
        requested.map_or(longest, |ttl| ttl.clamp(SHORTEST_TTL, longest))
    }

    /// Removes a task that was not created from those that its caller can list. An entry that stays expires with the task.
    async fn unlist(&self, record: &Record, account: &Owner, id: &TaskId) {
        let Some(caller) = record.listed_for() else {
            return;
        };
        let unlisted = owners::unlist(self.store(), caller, account, id.as_str());
        if let Err(problem) = unlisted.await {
            tracing::warn!(%problem, "a task that was not created still counts as one");
        }
    }

    /// Returns a page of the tasks of a caller with sessions, oldest first: those after a position, and the position of the next
    /// page.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn listed(
        &self,
        caller: &str,
        after: Option<u64>,
    ) -> Result<(Vec<(TaskId, Record)>, Option<u64>), TaskProblem> {
        let entries = owners::listed(self.store(), caller).await?.into_iter();
        let mut entries = entries.filter(|entry| after.is_none_or(|after| entry.number > after));
        let (mut page, mut last) = (Vec::new(), None);
        for entry in entries.by_ref().take(PAGE) {
            last = Some(entry.number);
            let Some(id) = TaskId::parse(&entry.id) else {
                continue;
            };
            match self.get(&id).await {
                Ok(record) => page.push((id, record)),
                // It has expired, or is not created yet.
                Err(TaskProblem::Unknown) => {}
                Err(problem) => return Err(problem),
            }
        }
        let next = entries.next().and(last);
        Ok((page, next))
    }

    /// Removes a task that no client knows.
    pub(crate) async fn withdraw(&self, id: &TaskId, record: &Record, account: &Owner) {
        if let Err(error) = self.store().remove(&id.key()).await {
            tracing::warn!(%error, "the record of a task could not be removed");
        }
        self.unlist(record, account, id).await;
        self.release(record, account, id).await;
    }
}
