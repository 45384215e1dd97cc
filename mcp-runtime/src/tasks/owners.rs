//! The lists of tasks: the unfinished ones of each account, and all that the client of a session can read.

use std::sync::Arc;

use super::entries::{self, Entry};
use super::problem::TaskProblem;
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
    entries::add(store, &key(account), account, task, limit).await
}

/// Removes a finished task.
pub(super) async fn release(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
    id: &str,
) -> Result<(), TaskProblem> {
    entries::remove(store, key, account, id).await
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
    entries::remove(store, &caller_key(caller), account, id).await
}

/// Returns the tasks that a caller can list, oldest first.
pub(super) async fn listed(
    store: &Arc<dyn Store>,
    caller: &str,
) -> Result<Vec<Entry>, TaskProblem> {
    Ok(entries::read(store, &caller_key(caller)).await?.1)
}
