//! Tests of the keys of replicas.

use tokio::time::{Instant, advance};

use super::*;
use crate::defaults_page::row;
use crate::store::{MemoryStore, StoreFuture};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);

fn store() -> Arc<MemoryStore> {
    Arc::default()
}

async fn replica(store: &Arc<MemoryStore>) -> KeyRing {
    load(store, &[]).await.expect("the keys can be read")
}

async fn load(store: &Arc<MemoryStore>, keys: &[[u8; 32]]) -> Result<KeyRing, KeyRingError> {
    KeyRing::load(Arc::clone(store) as Arc<dyn Store>, keys.to_vec()).await
}

fn seal(replica: &KeyRing) -> String {
    replica.sealer().seal("test", b"x").expect("sealed")
}

fn opens(replica: &KeyRing, token: &str) -> bool {
    replica.sealer().open("test", token).is_some()
}

async fn value(store: &MemoryStore) -> Vec<u8> {
    store.get(ENTRY).await.unwrap().expect("an entry")
}

/// Returns the keys in the store, which are not sealed.
async fn stored(store: &MemoryStore) -> Ring {
    serde_json::from_slice(&value(store).await).expect("a ring")
}

/// Lets time pass, with a look at the keys each 10 s.
async fn pass(replicas: &[&KeyRing], time: Duration) {
    for _ in 0..time.as_secs() / 10 {
        advance(READ_INTERVAL).await;
        for replica in replicas {
            replica.refresh().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_replica_makes_the_key_of_all() {
    let store = store();
    let one = replica(&store).await;
    let other = replica(&store).await;
    assert!(opens(&other, &seal(&one)) && opens(&one, &seal(&other)));
    assert_eq!(stored(&store).await.len(), 1);
    assert!(one.sealer().is_lasting());
}

#[tokio::test(start_paused = true)]
async fn a_new_key_seals_when_all_replicas_can_open_it() {
    let store = store();
    let (one, other) = (replica(&store).await, replica(&store).await);
    let before = seal(&one);
    let old = Sealer::from_keys(&[stored(&store).await[0].key]).expect("a key");
    one.rotate().await.unwrap();
    // A second rotation waits for the first.
    other.rotate().await.unwrap();
    assert_eq!(stored(&store).await.len(), 2);
    let published = row("key-published").time().as_secs();
    let mut with_new = 0;
    for second in 0..120 {
        // The replicas look at different times.
        match second % 10 {
            3 => one.refresh().await,
            8 => other.refresh().await,
            _ => {}
        }
        let tokens = [seal(&one), seal(&other)];
        for token in &tokens {
            assert!(opens(&one, token) && opens(&other, token), "{second} s");
            let is_new = old.open("test", token).is_none();
            assert!(!is_new || second >= published, "{second} s");
            with_new += usize::from(is_new);
        }
        advance(SECOND).await;
    }
    assert!(with_new > 80, "{with_new}");
    assert!(opens(&one, &before) && opens(&other, &before));
}

#[tokio::test(start_paused = true)]
async fn keys_are_replaced_each_day_and_removed_after_their_last_token() {
    let store = store();
    let (one, other) = (replica(&store).await, replica(&store).await);
    let replicas = [&one, &other];
    let (rotation, kept) = (row("key-rotation").time(), row("key-kept").time());
    pass(&replicas, rotation.saturating_sub(30 * SECOND)).await;
    assert_eq!(stored(&store).await.len(), 1);
    pass(&replicas, 60 * SECOND).await;
    assert_eq!(stored(&store).await.len(), 2, "one of the two publishes it");
    let last = seal(&one);
    pass(&replicas, 60 * SECOND).await;
    let first = seal(&one);
    pass(&replicas, kept.saturating_sub(120 * SECOND)).await;
    assert!(opens(&one, &last) && opens(&other, &last));
    pass(&replicas, 240 * SECOND).await;
    assert!(!opens(&one, &last) && !opens(&other, &last));
    assert!(opens(&one, &first) && opens(&other, &first));
    pass(&replicas, 72 * HOUR).await;
    assert!(stored(&store).await.len() <= 4);
    assert!(opens(&one, &seal(&other)));
}

#[tokio::test(start_paused = true)]
async fn configured_keys_seal_the_entry_and_open_older_tokens() {
    let store = store();
    let (new, old) = ([8; 32], [7; 32]);
    let before = Sealer::from_keys(&[old]).expect("a key");
    let token = before.seal("test", b"x").expect("sealed");
    let one = load(&store, &[new, old]).await.unwrap();
    let other = load(&store, &[new]).await.unwrap();
    assert!(opens(&one, &token) && !opens(&other, &token));
    // A key in the store is a list of numbers.
    let entry = String::from_utf8(value(&store).await).expect("a token");
    assert!(!entry.contains(','), "{entry}");
    assert!(opens(&other, &seal(&one)) && opens(&one, &seal(&other)));
    assert!(before.open("test", &seal(&one)).is_none());
    one.rotate().await.unwrap();
    other.refresh().await;
    assert_eq!(other.ring.lock().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_read_are_errors_that_name_the_entry() {
    let sealed = store();
    load(&sealed, &[[1; 32]]).await.unwrap();
    let plain = store();
    replica(&plain).await;
    for (store, keys) in [
        (&sealed, vec![]),
        (&sealed, vec![[2; 32]]),
        (&plain, vec![[1; 32]]),
    ] {
        let error = load(store, &keys).await.err().expect("not readable");
        assert!(error.to_string().contains("`keys`"), "{error}");
    }
    for text in ["", "[]", "{}", "[{\"since\":1,\"key\":[1,2]}]", "keys"] {
        let store = store();
        let entry = StoreEntry::new(text.as_bytes(), HOUR);
        store.put_if_absent(ENTRY, entry).await.unwrap();
        let error = load(&store, &[]).await.err().expect(text);
        assert!(error.to_string().contains("`keys`"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_the_keys_receives_them_again() {
    let store = store();
    let one = replica(&store).await;
    let token = seal(&one);
    store.remove(ENTRY).await.unwrap();
    one.refresh().await;
    assert!(opens(&replica(&store).await, &token));
    // A new replica was faster.
    store.remove(ENTRY).await.unwrap();
    let other = replica(&store).await;
    let of_other = seal(&other);
    one.refresh().await;
    other.refresh().await;
    assert!(opens(&one, &of_other) && opens(&other, &token));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_keys_is_bounded() {
    let store = store();
    let one = replica(&store).await;
    let mut refused = 0;
    for _ in 0..MAX_KEYS + 10 {
        refused += usize::from(one.rotate().await.is_err());
        advance(Duration::from_millis(PUBLISHED)).await;
    }
    assert_eq!(refused, 11);
    let stored = stored(&store).await.len();
    assert_eq!(stored, row("replica-keys").number());
}

/// A store that does not answer.
struct Silent;

impl Store for Silent {
    fn get<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(std::future::pending())
    }

    fn put_if_absent<'a>(&'a self, _: &'a str, _: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        Box::pin(std::future::pending())
    }

    fn remove<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_an_error() {
    let limit = row("key-time").time();
    let begin = Instant::now();
    let loaded = timeout(HOUR, KeyRing::load(Arc::new(Silent), Vec::new())).await;
    let error = loaded.expect("an answer").err().expect("an error");
    assert!(begin.elapsed().abs_diff(limit) < SECOND);
    assert!(error.to_string().contains("no answer in 10 s"), "{error}");
}
