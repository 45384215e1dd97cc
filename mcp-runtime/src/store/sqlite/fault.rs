//! The failures of statements.

/// Why a call failed.
pub(super) enum Fault {
    /// SQLite refused it.
    Sqlite(rusqlite::Error),
    /// SQLite refused it because the file may not grow.
    AtLimit,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
