//! The file: its mode, several stores with one file, its limit, and its errors.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mcp_runtime::{SqliteStore, Store, StoreEntry, StoreFuture, check_store};

use crate::{LONG, entry};

/// Two connections to one file, as two processes have them: each call uses the other one than the last.
struct Both([SqliteStore; 2], std::sync::atomic::AtomicUsize);

impl Both {
    fn next(&self) -> &SqliteStore {
        &self.0[self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2]
    }
}

impl Store for Both {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        self.next().get(key)
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        self.next().put_if_absent(key, entry)
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        self.next().replace(key, old, entry)
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        self.next().remove(key)
    }

    fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
        self.next().append(log, entry)
    }

    fn read_after<'a>(
        &'a self,
        log: &'a str,
        after: u64,
        wait: Duration,
    ) -> StoreFuture<'a, mcp_runtime::LogRead> {
        self.next().read_after(log, after, wait)
    }

    fn last_position<'a>(&'a self, log: &'a str) -> StoreFuture<'a, u64> {
        self.next().last_position(log)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_with_one_file_satisfy_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let open = || SqliteStore::open(directory.path().join("store.db")).unwrap();
    let violations = check_store(Both([open(), open()], 0.into())).await;
    assert_eq!(violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_the_entry_of_another_store_soon() {
    let directory = tempfile::tempdir().unwrap();
    let open = || SqliteStore::open(directory.path().join("store.db")).unwrap();
    let (reader, writer) = (open(), open());
    let append = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        writer.append("log", entry(b"1")).await.unwrap();
        Instant::now()
    };
    let read = async {
        let read = reader
            .read_after("log", 0, Duration::from_secs(10))
            .await
            .unwrap();
        (read, Instant::now())
    };
    let (appended, (read, at)) = tokio::join!(append, read);
    assert_eq!(read.entries[0].value, b"1");
    assert!(at.saturating_duration_since(appended) < Duration::from_secs(1));
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_readable_by_their_user_only() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("store.db")).unwrap();
    store.put_if_absent("a", entry(b"1")).await.unwrap();
    let mut names = Vec::new();
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        names.push(file.file_name());
    }
    names.sort();
    assert_eq!(names, ["store.db", "store.db-shm", "store.db-wal"]);
}

#[tokio::test]
async fn values_and_positions_outlive_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    store.put_if_absent("a", entry(b"1")).await.unwrap();
    let first = store.append("log", entry(b"2")).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.get("a").await.unwrap(), Some(b"1".to_vec()));
    assert_eq!(store.append("log", entry(b"3")).await.unwrap(), first + 1);
    let read = store.read_after("log", 0, Duration::ZERO).await.unwrap();
    assert_eq!((read.entries.len(), read.missed), (2, false));
}

#[tokio::test]
async fn a_full_file_refuses_until_values_expire() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = SqliteStore::open_with_limit(&path, 8 << 20).unwrap();
    let value = vec![7; 100_000];
    let time_to_live = Duration::from_secs(3);
    let mut refused = None;
    for number in 0..200 {
        let key = number.to_string();
        let put = store
            .put_if_absent(&key, StoreEntry::new(&value, time_to_live))
            .await;
        if let Err(error) = put {
            refused = Some((number, error.to_string()));
            break;
        }
    }
    let (count, error) = refused.expect("the file has no limit");
    assert!(
        error.contains("it is full") && error.contains("open_with_limit"),
        "{error}"
    );
    assert!(count > 50, "{count} values");
    assert!(fs::metadata(&path).unwrap().len() <= 8 << 20);
    // What was acknowledged is there, and a removal makes space.
    assert_eq!(store.get("0").await.unwrap().as_ref(), Some(&value));
    store.remove("0").await.unwrap();
    assert!(store.put_if_absent("removed", entry(&value)).await.unwrap());
    tokio::time::sleep(time_to_live).await;
    assert_eq!(store.get("1").await.unwrap(), None);
    assert!(store.put_if_absent("expired", entry(&value)).await.unwrap());
}

#[tokio::test]
async fn a_log_keeps_its_last_entries_and_tells_slow_readers() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("store.db")).unwrap();
    // More than 16 MiB in entries of 64 KiB.
    let value = vec![1; 64 << 10];
    let first = store.append("log", entry(&value)).await.unwrap();
    let mut last = first;
    for _ in 0..300 {
        last = store.append("log", entry(&value)).await.unwrap();
    }
    let read = store
        .read_after("log", first, Duration::ZERO)
        .await
        .unwrap();
    assert!(read.missed);
    assert_eq!(read.position, last);
    assert!(
        (200..=256).contains(&read.entries.len()),
        "{}",
        read.entries.len()
    );
    let again = store.read_after("log", read.entries[0].position, Duration::ZERO);
    assert!(!again.await.unwrap().missed);
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(
        path("text"),
        "This is a text and not a database. ".repeat(100),
    )
    .unwrap();
    let execute = |name: &str, statements: &str| {
        let connection = rusqlite::Connection::open(path(name)).unwrap();
        connection.execute_batch(statements).unwrap();
    };
    execute("other", "CREATE TABLE rows (value TEXT)");
    drop(SqliteStore::open(path("newer")).unwrap());
    execute("newer", "PRAGMA user_version = 9");
    for (name, text) in [
        ("missing/store.db", "create its directory"),
        (".", "name a file, not a directory"),
        ("text", "it is not a store: use another file"),
        ("other", "the database of another program: use another file"),
        ("newer", "(format 9, this one knows 1): update this program"),
    ] {
        let error = SqliteStore::open(path(name)).unwrap_err().to_string();
        assert!(error.contains(text), "{name}: {error}");
        let shown = path(name);
        let shown = shown.components().collect::<std::path::PathBuf>();
        assert!(error.contains(&*shown.to_string_lossy()), "{name}: {error}");
    }
    let rows: i64 = rusqlite::Connection::open(path("other"))
        .and_then(|other| {
            other.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        })
        .unwrap();
    assert_eq!(rows, 1, "the database of another program was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_delays_calls_but_not_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    let lock = || locked(&path);
    let other = lock();
    let started = Instant::now();
    let error = store
        .put_if_absent("a", entry(b"1"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("another process has locked it"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
    // Reads do not wait for writers.
    assert_eq!(store.get("a").await.unwrap(), None);
    drop(other);
    assert!(
        store
            .put_if_absent("a", StoreEntry::new(b"1", LONG))
            .await
            .unwrap()
    );
}

/// Locks a file for writing until this is dropped.
fn locked(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}
