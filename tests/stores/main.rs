//! The stores: the contract of each, and the file with several processes, errors and kills. `tests/stores/run` tests Redis and Valkey.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)] // allowed in tests

mod file;
mod kills;

use std::sync::Arc;

use mcp_runtime::{MemoryStore, SqliteStore, Store, StoreEntry, check_store};

/// A time to live longer than a test.
const LONG: std::time::Duration = std::time::Duration::from_secs(600);

fn entry(value: &[u8]) -> StoreEntry<'_> {
    StoreEntry::new(value, LONG)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stores_of_one_process_satisfy_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let file = SqliteStore::open(directory.path().join("store.db")).unwrap();
    let stores: [(&str, Arc<dyn Store>); 2] = [
        ("memory", Arc::new(MemoryStore::default())),
        ("file", Arc::new(file)),
    ];
    for (name, store) in stores {
        let violations = check_store(store).await;
        assert_eq!(violations, Vec::<String>::new(), "{name}");
    }
}
