//! A store in a file, with SQLite.

mod fault;
mod file;
mod sql;
mod worker;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use self::fault::Fault;
use self::file::File;
use self::sql::{LONGEST, Owned};
use self::worker::Worker;
use super::log::check_size;
use super::{LogRead, Store, StoreEntry, StoreError, StoreFuture};

/// The interval at which a waiting reader looks for entries of other processes.
const POLL: Duration = Duration::from_millis(100);

/// The most bytes of a file by default.
const MAX_BYTES: u64 = 1 << 30;

/// A [`Store`] in a file (feature `sqlite`), for one or several processes of one machine.
///
/// A write that succeeded is on the disk: it survives the end of the process, the operating system and the power. Beside the file, SQLite
/// keeps two more with the endings `-wal` and `-shm`. The file is readable by its user only, has at most 1 GiB, and must be on a local
/// file system: locks of network file systems are not reliable enough.
///
/// Readers of a log see entries of their own process at once, and those of other processes within 100 ms. Values expire by the
/// clock of the machine: if it is set forward, they expire earlier.
///
/// ```
/// use mcp_runtime::{Server, SqliteStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = std::env::temp_dir().join(format!("mcp-store-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let path = directory.join("store.db");
/// let server = Server::new("bank", "1.0.0").session_store(SqliteStore::open(path)?);
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    file: Arc<File>,
    writer: Worker,
    reader: Worker,
    /// Tells waiting readers of this process that a log has a new entry.
    appended: Arc<watch::Sender<()>>,
}

impl SqliteStore {
    /// Opens a file, or creates it, with at most 1 GiB.
    ///
    /// # Errors
    /// Returns an error if the file cannot be opened or created, is not a store, or was written by a newer version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with_limit(path, MAX_BYTES)
    }

    /// Opens a file, or creates it, with at most this many bytes. A full store refuses new values until others expire or are removed.
    ///
    /// # Errors
    /// Returns the errors of [`SqliteStore::open`].
    pub fn open_with_limit(path: impl AsRef<Path>, bytes: u64) -> Result<Self, StoreError> {
        let file = Arc::new(File::new(path.as_ref(), bytes)?);
        let start = |name| Worker::start(name, file.open()?, &file);
        Ok(Self {
            writer: start("mcp-store-writer")?,
            reader: start("mcp-store-reader")?,
            file,
            appended: Arc::new(watch::Sender::new(())),
        })
    }

    async fn write<T: Send + 'static>(
        &self,
        statements: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let write = |connection: &mut Connection| sql::write(connection, statements);
        self.writer.run(&self.file, write).await
    }

    async fn read<T: Send + 'static>(
        &self,
        statements: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let read = |connection: &mut Connection| statements(&*connection);
        self.reader.run(&self.file, read).await
    }

    async fn read_log(&self, log: &str, after: u64) -> Result<LogRead, StoreError> {
        let log = log.to_owned();
        self.read(move |connection| sql::read_log(connection, &log, after))
            .await
    }

    async fn wait(&self, log: &str, after: u64, wait: Duration) -> Result<LogRead, StoreError> {
        let deadline = Instant::now() + wait.min(LONGEST);
        let mut appended = self.appended.subscribe();
        loop {
            // Marked as seen before the log is read, so that an entry in between ends the wait.
            appended.borrow_and_update();
            let read = self.read_log(log, after).await?;
            if !read.is_empty() || Instant::now() >= deadline {
                return Ok(read);
            }
            let poll = async {
                tokio::select! {
                    _ = appended.changed() => {}
                    () = sleep(POLL) => {}
                }
            };
            // At the deadline the log is read once more.
            let _ = timeout_at(deadline, poll).await;
        }
    }
}

impl Store for SqliteStore {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        let key = key.to_owned();
        Box::pin(async move {
            Ok(self
                .read(move |connection| sql::get(connection, &key))
                .await?)
        })
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        let (key, entry) = (key.to_owned(), Owned::from(entry));
        let put = move |connection: &Connection| sql::put_if_absent(connection, &key, &entry);
        Box::pin(async move { Ok(self.write(put).await?) })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        let (key, old, entry) = (key.to_owned(), old.to_vec(), Owned::from(entry));
        let replace = move |connection: &Connection| sql::replace(connection, &key, &old, &entry);
        Box::pin(async move { Ok(self.write(replace).await?) })
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        let key = key.to_owned();
        let remove = move |connection: &Connection| sql::remove(connection, &key);
        Box::pin(async move { Ok(self.write(remove).await?) })
    }

    fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
        if let Err(error) = check_size(entry.value) {
            return Box::pin(std::future::ready(Err(error.into())));
        }
        let (log, entry) = (log.to_owned(), Owned::from(entry));
        let appended = Arc::clone(&self.appended);
        let append = move |connection: &mut Connection| {
            let position = sql::write(connection, |connection| {
                sql::append(connection, &log, &entry)
            })?;
            // Here, and not in the future, which may be dropped.
            appended.send_replace(());
            Ok(position)
        };
        Box::pin(async move { Ok(self.writer.run(&self.file, append).await?) })
    }

    fn read_after<'a>(
        &'a self,
        log: &'a str,
        after: u64,
        wait: Duration,
    ) -> StoreFuture<'a, LogRead> {
        Box::pin(async move { Ok(self.wait(log, after, wait).await?) })
    }

    fn last_position<'a>(&'a self, log: &'a str) -> StoreFuture<'a, u64> {
        let log = log.to_owned();
        let last = move |connection: &Connection| sql::last_position(connection, &log);
        Box::pin(async move { Ok(self.read(last).await?) })
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqliteStore")
            .field("path", &self.file.path())
            .finish_non_exhaustive()
    }
}
