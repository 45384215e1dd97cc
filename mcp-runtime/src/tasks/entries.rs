//! Lists of tasks in the store: one entry of the store for each list, so that replicas have the same lists.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::problem::{ATTEMPTS, TaskProblem};
use crate::owner::Owner;
use crate::seal::random_bytes;
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

/// Removes all tasks from a list but those that `stays` returns `true` for.
pub(super) async fn retain(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
    stays: impl Fn(&Entry) -> bool,
) -> Result<(), TaskProblem> {
    change(store, key, account, |tasks| {
        let before = tasks.len();
        tasks.retain(&stays);
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

/// The locks of the lists that this process changes, by the hash of their keys.
static TURNS: [tokio::sync::Mutex<()>; 64] = [const { tokio::sync::Mutex::const_new(()) }; 64];

/// The longest time for which a change waits for an earlier one of this process.
const LONGEST_TURN: Duration = Duration::from_millis(100);

/// Changes a list. `change` returns `true` if it has changed it. The changes of this process come one after the other, so that they do
/// not have to be repeated, unless the store does not answer one of them.
async fn change(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
    change: impl Fn(&mut Vec<Entry>) -> Result<bool, TaskProblem>,
) -> Result<(), TaskProblem> {
    let turn = (fnv_1a(key) % TURNS.len() as u128) as usize;
    let _turn = tokio::time::timeout(LONGEST_TURN, TURNS[turn].lock()).await;
    change_shared(store, key, account, change).await
}

/// Changes a list, and repeats the change if another process has changed it meanwhile.
async fn change_shared(
    store: &Arc<dyn Store>,
    key: &str,
    account: &Owner,
    change: impl Fn(&mut Vec<Entry>) -> Result<bool, TaskProblem>,
) -> Result<(), TaskProblem> {
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
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

/// Waits before a further attempt, for a random time, so that concurrent calls of one account do not disturb each other again and again.
async fn pause(attempt: usize) {
    const LONGEST: usize = 50;
    if attempt > 0 {
        let [random] = random_bytes().unwrap_or([0]);
        let most = LONGEST.min(2 * attempt);
        let milliseconds = usize::from(random) % (most + 1);
        tokio::time::sleep(Duration::from_millis(milliseconds as u64)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::Principal;
    use crate::store::{MemoryStore, StoreFuture};

    /// A store that answers later, as one over a network.
    struct Far(MemoryStore);

    impl Store for Far {
        fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                self.0.get(key).await
            })
        }

        fn put_if_absent<'a>(
            &'a self,
            key: &'a str,
            entry: StoreEntry<'a>,
        ) -> StoreFuture<'a, bool> {
            self.0.put_if_absent(key, entry)
        }

        fn replace<'a>(
            &'a self,
            key: &'a str,
            old: &'a [u8],
            entry: StoreEntry<'a>,
        ) -> StoreFuture<'a, bool> {
            self.0.replace(key, old, entry)
        }

        fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
            self.0.remove(key)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_processes_add_tasks_of_one_account_at_once() {
        let store = Arc::new(Far(MemoryStore::default())) as Arc<dyn Store>;
        let mut adding = tokio::task::JoinSet::new();
        for number in 0..500 {
            let store = Arc::clone(&store);
            adding.spawn(async move {
                let (id, expires) = (number.to_string(), now() + 60_000);
                change_shared(&store, "list", &Owner::Local, |tasks| {
                    let (id, number) = (id.clone(), 0);
                    tasks.push(Entry {
                        id,
                        expires,
                        number,
                    });
                    Ok(true)
                })
                .await
            });
        }
        while let Some(added) = adding.join_next().await {
            assert!(added.is_ok_and(|added| added.is_ok()));
        }
        let listed = read(&store, "list").await.map(|(_, tasks)| tasks.len());
        assert!(listed.is_ok_and(|listed| listed == 500));
    }

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
