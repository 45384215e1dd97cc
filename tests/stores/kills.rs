//! Kills of a process in the middle of writes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mcp_runtime::{SqliteStore, Store};

const KILLS: u32 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_by_200_kills() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let mut random = fastrand::Rng::with_seed(7);
    let mut total = 0;
    for round in 0..KILLS {
        // Some kills come while the file is opened or created.
        let time = Duration::from_micros(random.u64(500..60_000));
        let acknowledged = write_until_killed(&path, round, time);
        total += acknowledged.len();
        let store = SqliteStore::open(&path).unwrap();
        for line in &acknowledged {
            check(&store, round, line).await;
        }
        if round % 50 == 49 {
            check_integrity(&path);
        }
    }
    assert!(total > 1_000, "{total} acknowledged writes");
    println!("{KILLS} kills, {total} acknowledged writes");
}

/// Starts `store-writer`, kills it after some time, and returns the lines that it wrote.
fn write_until_killed(path: &Path, round: u32, time: Duration) -> Vec<String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_store-writer"))
        .arg(path)
        .arg(round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .map(Result::unwrap)
        .filter(|line| line.ends_with('.'))
        .collect()
}

/// Checks one acknowledged write: `put N.`, `replace N.`, `remove N.` or `append POSITION.`. The write after the last one may have been
/// done without an acknowledgement.
async fn check(store: &SqliteStore, round: u32, line: &str) {
    let (what, number) = line.trim_end_matches('.').split_once(' ').unwrap();
    let number: u64 = number.parse().unwrap();
    if what == "append" {
        let read = store.read_after("log", number - 1, Duration::ZERO).await;
        assert_eq!(read.unwrap().entries[0].position, number, "{round}: {line}");
        return;
    }
    let value = store.get(&format!("{round}-{number}")).await.unwrap();
    let is_right = match (what, number % 3, value.as_deref()) {
        ("put", 0, value) => value == Some(b"1"),
        ("put", 1, value) => value.is_some(),
        ("replace", 1, value) => value == Some(b"2"),
        ("replace", _, value) => value != Some(b"1"),
        ("remove", _, value) => value.is_none(),
        // Replaced and removed, as far as the process came.
        (_, _, _) => true,
    };
    assert!(is_right, "{round}: {line} {value:?}");
}

fn check_integrity(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let check = "PRAGMA integrity_check";
    let result: String = connection.query_row(check, [], |row| row.get(0)).unwrap();
    assert_eq!(result, "ok");
}
