//! The lists of tasks: the unfinished ones of each account, and all that the client of a session can read.

use std::sync::Arc;

use super::entries::{self, Entry};
use super::id::TaskId;
use super::problem::{ATTEMPTS, TaskProblem};
use super::record::Record;
use crate::owner::Owner;
use crate::store::Store;

/// The maximum number of tasks of one caller with sessions, finished or not, because each of them is listed.
pub(super) const MAX_LISTED: usize = 1000;

/// The key of the unfinished tasks of an account.
pub(super) fn key(account: &Owner) -> String {
    entries::key("task-owner", &account.key())
}

/// The key of all tasks of a caller with sessions.
fn caller_key(caller: &str) -> String {
    entries::key("task-list", caller)
}

/// Counts a task among those of an account.
///
/// # Errors
/// Returns an error if the account has `limit` unfinished tasks, or if the store fails.
pub(super) async fn reserve(
    store: &Arc<dyn Store>,
    account: &Owner,
    task: (&str, u64),
    limit: usize,
) -> Result<(), TaskProblem> {
    let key = key(account);
    for _ in 0..ATTEMPTS {
        match entries::add(store, &key, account, task, limit).await {
            Err(TaskProblem::TooMany(_)) if forget_finished(store, &key, account).await? => {}
            added => return added,
        }
    }
    Err(TaskProblem::Contended)
}

/// Removes the finished tasks that are still counted: the process that ended them does so later, or has ended before. Returns `false`
/// if there are none.
async fn forget_finished(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
) -> Result<bool, TaskProblem> {
    let mut finished = Vec::new();
    for task in entries::read(store, key).await?.1 {
        if is_finished(store, &task.id).await? {
            finished.push(task.id);
        }
    }
    if finished.is_empty() {
        return Ok(false);
    }
    entries::retain(store, key, account, |task| !finished.contains(&task.id)).await?;
    Ok(true)
}

/// Returns `true` if the record of a task says that it has ended. A task that is being created has none.
async fn is_finished(store: &Arc<dyn Store>, id: &str) -> Result<bool, TaskProblem> {
    let Some(id) = TaskId::parse(id) else {
        return Ok(false);
    };
    let bytes = store.get(&id.key()).await.map_err(TaskProblem::Store)?;
    let record = bytes.as_deref().map(serde_json::from_slice::<Record>);
    Ok(record.is_some_and(|record| record.is_ok_and(|record| record.status.is_end())))
}

/// Removes a finished task.
pub(super) async fn release(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
    id: &str,
) -> Result<(), TaskProblem> {
    entries::retain(store, key, account, |task| task.id != id).await
}

/// Adds a task to those that its caller can list.
///
/// # Errors
/// Returns an error if the caller has [`MAX_LISTED`] tasks, or if the store fails.
pub(super) async fn list(
    store: &Arc<dyn Store>,
    caller: &str,
    account: &Owner,
    task: (&str, u64),
) -> Result<(), TaskProblem> {
    let key = caller_key(caller);
    let added = entries::add(store, &key, account, task, MAX_LISTED).await;
    added.map_err(|problem| match problem {
        TaskProblem::TooMany(limit) => TaskProblem::TooManyKept(limit),
        other => other,
    })
}

/// Removes a task that was not created from those that its caller can list.
pub(super) async fn unlist(
    store: &Arc<dyn Store>,
    caller: &str,
    account: &Owner,
    id: &str,
) -> Result<(), TaskProblem> {
    entries::retain(store, &caller_key(caller), account, |task| task.id != id).await
}

/// Returns the tasks that a caller can list, oldest first.
pub(super) async fn listed(
    store: &Arc<dyn Store>,
    caller: &str,
) -> Result<Vec<Entry>, TaskProblem> {
    Ok(entries::read(store, &caller_key(caller)).await?.1)
}
