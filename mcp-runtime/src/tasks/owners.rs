//! The unfinished tasks of each account: one entry of the store, so that replicas count the same tasks.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::problem::{ATTEMPTS, TaskProblem};
use crate::owner::Owner;
use crate::store::{Store, StoreEntry, digest, now};

/// An unfinished task, and when it expires, in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
struct Unfinished(String, u64);

/// The key of the unfinished tasks of an account.
pub(super) fn key(account: &Owner) -> String {
    format!("task-owner-{}", digest(account.to_string()))
}

/// Counts a task among those of an account.
///
/// # Errors
/// Returns an error if the account has `limit` unfinished tasks, or if the store fails.
pub(super) async fn reserve(
    store: &Arc<dyn Store>,
    (account, id, expires): (&Owner, &str, u64),
    limit: usize,
) -> Result<(), TaskProblem> {
    let key = key(account);
    change(store, &key, account, |tasks| {
        if tasks.len() >= limit {
            return Err(TaskProblem::TooMany(limit));
        }
        tasks.push(Unfinished(id.to_owned(), expires));
        Ok(true)
    })
    .await
}

/// Removes a finished task.
pub(super) async fn release(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
    id: &str,
) -> Result<(), TaskProblem> {
    change(store, key, account, |tasks| {
        let before = tasks.len();
        tasks.retain(|Unfinished(other, _)| other != id);
        Ok(tasks.len() < before)
    })
    .await
}

/// Changes the list of an account, and repeats the change if another process has changed it meanwhile. `change` returns `true`
/// if it has changed the list.
async fn change(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
    change: impl Fn(&mut Vec<Unfinished>) -> Result<bool, TaskProblem>,
) -> Result<(), TaskProblem> {
    for _ in 0..ATTEMPTS {
        let old = store.get(key).await.map_err(TaskProblem::Store)?;
        let tasks = old.as_deref().map(serde_json::from_slice);
        let tasks = tasks
            .transpose()
            .map_err(|error| TaskProblem::Store(error.into()))?;
        let mut tasks: Vec<Unfinished> = tasks.unwrap_or_default();
        let now = now();
        tasks.retain(|Unfinished(_, expires)| now < *expires);
        if !change(&mut tasks)? {
            return Ok(());
        }
        let expires = tasks.iter().map(|Unfinished(_, expires)| *expires).max();
        let new = serde_json::to_vec(&tasks).map_err(|error| TaskProblem::Store(error.into()))?;
        let rest = expires.unwrap_or(now + 1000).saturating_sub(now);
        let entry = StoreEntry {
            owner: account.clone(),
            ..StoreEntry::new(&new, std::time::Duration::from_millis(rest))
        };
        let changed = match &old {
            Some(old) => store.replace(key, old, entry).await,
            None => store.put_if_absent(key, entry).await,
        };
        if changed.map_err(TaskProblem::Store)? {
            return Ok(());
        }
    }
    Err(TaskProblem::Contended)
}
