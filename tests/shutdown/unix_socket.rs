//! The file of a Unix socket: its permissions, its replacement and its removal.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::stopping::{Probe, server};
use mcp_runtime::ServeError;
use mcp_tests::schemas::MODERN;
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinHandle;

use super::http::Address;
use super::{call, outcome};

/// Returns a path at which there is no file.
pub(super) fn unused_path() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("mcp-{}-{number}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = fs::remove_file(&path);
    path
}

fn serve(path: &Path) -> (Arc<Notify>, JoinHandle<Result<(), ServeError>>) {
    let stop = Arc::<Notify>::default();
    let told = Arc::clone(&stop);
    let shutdown = async move { told.notified().await };
    let path = path.to_owned();
    let serving = server(&Arc::new(Probe::default())).serve_unix_with_shutdown(path, shutdown);
    (stop, tokio::spawn(serving))
}

async fn answers(path: &Path) -> bool {
    let address = Address::Unix(path.to_owned());
    for _ in 0..500 {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            let message = call(MODERN, 1, "wait", 0);
            let mut response = address.open(None, Some(&message)).await;
            return outcome(&response.messages().await[0]) == "waited";
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    false
}

#[tokio::test]
async fn the_file_is_for_its_owner_and_removed_at_the_end() {
    let path = unused_path();
    let (stop, serving) = serve(&path);
    assert!(answers(&path).await);
    let file = fs::metadata(&path).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    stop.notify_one();
    serving.await.unwrap().unwrap();
    assert!(fs::symlink_metadata(&path).is_err());
}

#[tokio::test]
async fn a_file_is_replaced_only_if_it_is_a_socket_that_nobody_answers() {
    let stale = unused_path();
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert!(stale.exists());
    let (stop, serving) = serve(&stale);
    assert!(answers(&stale).await);

    // The socket of a running server.
    let (_stop, second) = serve(&stale);
    let refused = async |serving| match tokio::time::timeout(Duration::from_secs(5), serving).await
    {
        Ok(Ok(Err(ServeError::Bind(error)))) => error.to_string(),
        served => panic!("the server is not refused: {served:?}"),
    };
    let error = refused(second).await;
    assert!(error.contains("another server answers"), "{error}");
    assert!(answers(&stale).await);

    let (file, link) = (unused_path(), unused_path());
    fs::write(&file, "data").unwrap();
    symlink(&stale, &link).unwrap();
    for path in [&file, &link] {
        let (_stop, serving) = serve(path);
        let error = refused(serving).await;
        assert!(error.contains("is not a socket"), "{error}");
        assert!(fs::symlink_metadata(path).is_ok());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "data");

    stop.notify_one();
    serving.await.unwrap().unwrap();
    fs::remove_file(file).unwrap();
    fs::remove_file(link).unwrap();
}

/// A server does not remove the socket of the server that replaced it.
#[tokio::test]
async fn the_file_of_another_server_is_kept() {
    let path = unused_path();
    let (stop, first) = serve(&path);
    assert!(answers(&path).await);
    fs::remove_file(&path).unwrap();
    let (last, second) = serve(&path);
    assert!(answers(&path).await);
    stop.notify_one();
    first.await.unwrap().unwrap();
    assert!(answers(&path).await);
    last.notify_one();
    second.await.unwrap().unwrap();
    assert!(!path.exists());
}

/// Of servers that start at the same time, one gets the path, and the others are refused. The file is visible only with its
/// permissions, and no other file remains.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_servers_that_start_at_once_one_serves_and_the_others_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp.sock");
    for round in 0..40 {
        // A stale file, which all of them may replace.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let stale = fs::metadata(&path).unwrap().ino();
        let is_done = Arc::<AtomicBool>::default();
        let watched = (path.clone(), Arc::clone(&is_done));
        let watching = std::thread::spawn(move || {
            let (path, is_done) = watched;
            while !is_done.load(Ordering::SeqCst) {
                if let Ok(file) = fs::metadata(&path)
                    && file.ino() != stale
                {
                    assert_eq!(file.permissions().mode() & 0o777, 0o600);
                }
            }
        });
        let barrier = Arc::new(Barrier::new(4));
        let started: Vec<_> = (0..4)
            .map(|_| {
                let (path, barrier) = (path.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    serve(&path)
                })
            })
            .collect();
        let mut servers = Vec::new();
        for started in started {
            servers.push(started.await.unwrap());
        }
        let ended = || servers.iter().filter(|(_, it)| it.is_finished()).count();
        for _ in 0..5_000 {
            if ended() == 3 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(ended(), 3, "round {round}");
        assert!(answers(&path).await);
        is_done.store(true, Ordering::SeqCst);
        watching.join().unwrap();
        for (stop, server) in servers {
            stop.notify_one();
            match server.await.unwrap() {
                Err(ServeError::Bind(error)) => {
                    let error = error.to_string();
                    assert!(error.contains("another server answers"), "{error}");
                }
                served => served.unwrap(),
            }
        }
        let files = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, 0, "round {round}");
    }
}
