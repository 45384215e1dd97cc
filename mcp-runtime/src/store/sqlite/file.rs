//! The file: its creation, its connections, and the errors that name it.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::fault::Fault;
use super::sql;
use crate::store::StoreError;

/// The time for which SQLite waits for the lock of another process.
const BUSY: Duration = Duration::from_secs(5);

/// The attempts to open a file that another process opens at the same time, and the pause between them. SQLite does not wait by itself
/// when the journal mode changes.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// The size of a page of a new file.
const PAGE: u64 = 4096;

/// The path of a store, and its greatest size.
pub(super) struct File {
    path: PathBuf,
    bytes: u64,
}

impl File {
    /// Creates the file unless it exists.
    pub(super) fn new(path: &Path, bytes: u64) -> Result<Self, StoreError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let file = Self { path, bytes };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&file.path) {
            Ok(_) => Ok(file),
            Err(error) => Err(file.error(&open_error(&error))),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a connection, and creates the tables unless they exist.
    pub(super) fn open(&self) -> Result<Connection, StoreError> {
        for _ in 1..ATTEMPTS {
            match self.try_open() {
                Err(Opening::Sqlite(error)) if is_busy(&error) => sleep(PAUSE),
                result => return result.map_err(|error| self.opening(error)),
            }
        }
        self.try_open().map_err(|error| self.opening(error))
    }

    fn try_open(&self) -> Result<Connection, Opening> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        // The tables first: a file of another program is not changed.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match sql::create_tables(&transaction)? {
            sql::Format::Current => transaction.commit()?,
            sql::Format::Newer(version) => return Err(Opening::Newer(version)),
            sql::Format::Foreign => return Err(Opening::Foreign),
        }
        connection.pragma_update(None, "journal_mode", "wal")?;
        // A commit returns after the disk has it, so that what is acknowledged survives a power failure.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
        let pages = i64::try_from(self.bytes / PAGE).unwrap_or(i64::MAX);
        connection.pragma_update(
            None,
            "max_page_count",
            pages.clamp(1, i64::from(u32::MAX) - 2),
        )?;
        Ok(connection)
    }

    fn opening(&self, error: Opening) -> StoreError {
        match error {
            Opening::Sqlite(error) => self.fault(Fault::Sqlite(error)),
            Opening::Newer(version) => self.error(&format!(
                "a newer version of mcp-runtime wrote it (format {version}, this one knows {}): update this program, or use \
                 another file",
                sql::VERSION
            )),
            Opening::Foreign => {
                self.error("it is the database of another program: use another file")
            }
        }
    }

    /// Returns the error of a call.
    pub(super) fn fault(&self, fault: Fault) -> StoreError {
        let error = match fault {
            Fault::AtLimit => {
                return self.error(&format!(
                    "it is full: it has reached its limit of {} bytes; raise the limit of `SqliteStore::open_with_limit`, or wait \
                     until values expire",
                    self.bytes
                ));
            }
            Fault::Sqlite(error) => error,
        };
        let fix = match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => "it is not a store: use another file".to_owned(),
            Some(ErrorCode::DatabaseCorrupt) => {
                format!(
                    "it is damaged ({error}): restore it, or remove it with its `-wal` and `-shm` files"
                )
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => format!(
                "another process has locked it for {} s: end that process, or use another file",
                BUSY.as_secs()
            ),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                format!(
                    "{error}: allow this user to write the file, and to create files in its directory"
                )
            }
            Some(ErrorCode::DiskFull) => "the disk is full: free some space".to_owned(),
            _ => error.to_string(),
        };
        self.error(&fix)
    }

    /// Returns an error that names the file.
    pub(super) fn error(&self, message: &str) -> StoreError {
        StoreError::new(format!("the store {}: {message}", self.path.display()))
    }
}

/// Why a file cannot be opened.
enum Opening {
    Sqlite(rusqlite::Error),
    Newer(i64),
    Foreign,
}

impl From<rusqlite::Error> for Opening {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn open_error(error: &io::Error) -> String {
    let fix = match error.kind() {
        io::ErrorKind::NotFound => "create its directory",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "allow this user to write the file and its directory"
        }
        io::ErrorKind::IsADirectory => "name a file, not a directory",
        _ => "choose another path",
    };
    format!("{error}: {fix}")
}
