//! The unfinished tasks of each account: one entry of the store, so that replicas count the same tasks.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::problem::{ATTEMPTS, TaskProblem};
use crate::owner::Owner;
use crate::store::{Store, StoreEntry, now};

/// An unfinished task, and when it expires, in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
struct Unfinished(String, u64);

/// The key of the unfinished tasks of an account, at most 100 bytes long. Replicas with other versions of the program have the
/// same key.
pub(super) fn key(account: &Owner) -> String {
    const LONGEST_KEY: usize = 80;
    let key = account.key();
    if key.len() > LONGEST_KEY {
        format!("task-owner-digest-{:032x}", fnv_1a(&key))
    } else {
        format!("task-owner-{key}")
    }
}

/// The hash FNV-1a with 128 bits. The hash of the standard library may change with its version. If ids are made to collide, their
/// principals share a quota.
fn fnv_1a(text: &str) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let step = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(PRIME);
    text.bytes().fold(BASIS, step)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::Principal;

    #[test]
    fn the_key_of_an_account_never_changes() {
        // Of the specification of FNV.
        assert_eq!(fnv_1a(""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv_1a("a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        let ada = || Principal::new("ada");
        let key = |principal| key(&Owner::Principal(principal));
        assert_eq!(key(ada()), "task-owner-principal-616461");
        assert_ne!(key(ada().issued_by("a")), key(Principal::new("ada (a)")));
        let long = key(ada().issued_by("x".repeat(100)));
        assert!(long.len() <= 100, "{long}");
        assert_ne!(long, key(ada().issued_by("y".repeat(100))));
    }
}
