//! Lists of tasks in the store: one entry of the store for each list, so that replicas have the same lists.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::problem::{ATTEMPTS, TaskProblem};
use crate::owner::Owner;
use crate::store::{Store, StoreEntry, now};

/// A task in a list, and when it expires, in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: String,
    expires: u64,
    /// The position, which grows within a list and is never used twice.
    pub(super) number: u64,
}

/// The key of a list, at most 100 bytes long. Replicas with other versions of the program have the same key.
pub(super) fn key(prefix: &str, owner: &str) -> String {
    const LONGEST_KEY: usize = 80;
    if owner.len() > LONGEST_KEY {
        format!("{prefix}-digest-{:032x}", fnv_1a(owner))
    } else {
        format!("{prefix}-{owner}")
    }
}

/// The hash FNV-1a with 128 bits. The hash of the standard library may change with its version. If ids are made to collide, their
/// owners share a list, and each record names its own caller.
fn fnv_1a(text: &str) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let step = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(PRIME);
    text.bytes().fold(BASIS, step)
}

/// Adds a task to a list. Tasks that have expired are not in it any more.
///
/// # Errors
/// Returns an error if the list has `limit` tasks, or if the store fails.
pub(super) async fn add(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
    (id, expires): (&str, u64),
    limit: usize,
) -> Result<(), TaskProblem> {
    change(store, key, account, |tasks| {
        if tasks.len() >= limit {
            return Err(TaskProblem::TooMany(limit));
        }
        let next = tasks.last().map_or(0, |last| last.number + 1);
        tasks.push(Entry {
            id: id.to_owned(),
            expires,
            // The list may have been empty before, and its positions must not return.
            number: next.max(now()),
        });
        Ok(true)
    })
    .await
}

/// Removes a task from a list.
pub(super) async fn remove(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
    id: &str,
) -> Result<(), TaskProblem> {
    change(store, key, account, |tasks| {
        let before = tasks.len();
        tasks.retain(|task| task.id != id);
        Ok(tasks.len() < before)
    })
    .await
}

/// Returns the tasks of a list, in the order in which they were added, and its bytes.
pub(super) async fn read(
    store: &Arc<dyn Store>,
    key: &str,
) -> Result<(Option<Vec<u8>>, Vec<Entry>), TaskProblem> {
    let bytes = store.get(key).await.map_err(TaskProblem::Store)?;
    let tasks = bytes.as_deref().map(serde_json::from_slice);
    let tasks = tasks
        .transpose()
        .map_err(|error| TaskProblem::Store(error.into()))?;
    let mut tasks: Vec<Entry> = tasks.unwrap_or_default();
    let now = now();
    tasks.retain(|task| now < task.expires);
    Ok((bytes, tasks))
}

/// Changes a list, and repeats the change if another process has changed it meanwhile. `change` returns `true` if it has changed the
/// list.
async fn change(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
    change: impl Fn(&mut Vec<Entry>) -> Result<bool, TaskProblem>,
) -> Result<(), TaskProblem> {
    for _ in 0..ATTEMPTS {
        let (old, mut tasks) = read(store, key).await?;
        if !change(&mut tasks)? {
            return Ok(());
        }
        let now = now();
        let expires = tasks.iter().map(|task| task.expires).max();
        let new = serde_json::to_vec(&tasks).map_err(|error| TaskProblem::Store(error.into()))?;
        let rest = expires.unwrap_or(now + 1000).saturating_sub(now);
        let entry = StoreEntry {
            owner: account.clone(),
            ..StoreEntry::new(&new, Duration::from_millis(rest))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::Principal;

    #[test]
    fn the_key_of_a_list_never_changes() {
        // Of the specification of FNV.
        assert_eq!(fnv_1a(""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv_1a("a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        let ada = || Principal::new("ada");
        let key = |principal: Principal| key("task-owner", &principal.key());
        assert_eq!(key(ada()), "task-owner-principal-616461");
        assert_ne!(key(ada().issued_by("a")), key(Principal::new("ada (a)")));
        let long = key(ada().issued_by("x".repeat(100)));
        assert!(long.len() <= 100, "{long}");
        assert_ne!(long, key(ada().issued_by("y".repeat(100))));
    }
}
