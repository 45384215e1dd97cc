//! The tables, and the statements of each call.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use super::fault::Fault;
use crate::store::log::{
    ENTRY_OVERHEAD, Extent, FORGOTTEN_AFTER, LOG_BYTES, LOG_ENTRIES, LogEntry, LogRead,
    READ_ENTRIES, first_position,
};
use crate::store::{StoreEntry, milliseconds, now};

/// The version of the tables.
pub(super) const VERSION: i64 = 1;

/// The number that marks the files of this program: `MCPs`.
const APPLICATION: i64 = 0x4d43_5073;

/// The most expired rows that one write deletes.
const SWEPT: i64 = 64;

/// The time after which an expired entry is deleted if nothing was appended to its log, in milliseconds. An append deletes those of its log
/// in its own transaction.
const UNUSED: i64 = 60_000;

/// The longest time to live of a value. The sum with the time of day fits into the integers of SQLite.
pub(super) const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// An entry for another thread.
pub(super) struct Owned {
    value: Vec<u8>,
    time_to_live: u64,
}

impl From<StoreEntry<'_>> for Owned {
    fn from(entry: StoreEntry<'_>) -> Self {
        Self {
            value: entry.value.to_vec(),
            time_to_live: milliseconds(entry.time_to_live.min(LONGEST)),
        }
    }
}

const TABLES: &str = "
    CREATE TABLE items (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, expires INTEGER NOT NULL);
    CREATE INDEX items_expire ON items (expires);
    CREATE TABLE logs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT UNIQUE NOT NULL,
        start INTEGER NOT NULL,
        last INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        expires INTEGER NOT NULL
    );
    CREATE INDEX logs_expire ON logs (expires);
    CREATE TABLE log_entries (
        log INTEGER NOT NULL,
        position INTEGER NOT NULL,
        value BLOB NOT NULL,
        expires INTEGER NOT NULL,
        PRIMARY KEY (log, position)
    );
    CREATE INDEX log_entries_expire ON log_entries (expires);
";

/// Whose tables a file has.
pub(super) enum Format {
    Current,
    Newer(i64),
    Foreign,
}

pub(super) fn create_tables(connection: &Connection) -> rusqlite::Result<Format> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    if application == APPLICATION {
        return Ok(if version > VERSION {
            Format::Newer(version)
        } else {
            Format::Current
        });
    }
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection.query_row(tables, [], |row| row.get(0))?;
    if application != 0 || version != 0 || tables != 0 {
        return Ok(Format::Foreign);
    }
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    Ok(Format::Current)
}

/// Runs statements in a transaction, after some of what has expired is deleted in another, so that this makes space even if the
/// statements fail.
pub(super) fn write<T>(
    connection: &mut Connection,
    statements: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    sweep(connection)?;
    let done = transaction(connection, statements);
    match done {
        Err(Fault::Sqlite(error)) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
            Err(if is_at_limit(connection) {
                Fault::AtLimit
            } else {
                Fault::Sqlite(error)
            })
        }
        done => done,
    }
}

/// Immediate: SQLite does not wait for the lock of a transaction that was begun for reading.
fn transaction<T>(
    connection: &mut Connection,
    statements: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = statements(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

fn sweep(connection: &mut Connection) -> Result<(), Fault> {
    let now = time();
    let expired = "SELECT EXISTS (SELECT 1 FROM items WHERE expires <= ?1)
        OR EXISTS (SELECT 1 FROM log_entries WHERE expires <= ?2)
        OR EXISTS (SELECT 1 FROM logs WHERE expires <= ?1)";
    let unused = now - UNUSED;
    let has_expired: bool = connection.query_row(expired, [now, unused], |row| row.get(0))?;
    if !has_expired {
        return Ok(());
    }
    transaction(connection, |connection| {
        let items = "DELETE FROM items WHERE rowid IN
            (SELECT rowid FROM items WHERE expires <= ?1 LIMIT ?2)";
        connection.execute(items, [now, SWEPT])?;
        sweep_entries(connection, unused)?;
        let logs = "DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE expires <= ?1 LIMIT ?2)
            AND NOT EXISTS (SELECT 1 FROM log_entries WHERE log = id)";
        connection.execute(logs, [now, SWEPT])?;
        Ok(())
    })
}

/// Deletes some of the entries that have expired before a time.
fn sweep_entries(connection: &Connection, before: i64) -> Result<(), Fault> {
    let delete = "DELETE FROM log_entries WHERE rowid IN
        (SELECT rowid FROM log_entries WHERE expires <= ?1 LIMIT ?2)
        RETURNING log, length(value) + ?3";
    let mut delete = connection.prepare(delete)?;
    let mut rows = delete.query([before, SWEPT, integer(ENTRY_OVERHEAD)])?;
    while let Some(row) = rows.next()? {
        let (log, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
        let subtract = "UPDATE logs SET bytes = bytes - ?2 WHERE id = ?1";
        connection.execute(subtract, [log, bytes])?;
    }
    Ok(())
}

fn is_at_limit(connection: &Connection) -> bool {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    // A value needs several pages; the file is at its limit if it lacks those of a large one.
    matches!((pragma("page_count"), pragma("max_page_count")), (Ok(pages), Ok(max)) if pages + 1_024 >= max)
}

/// The current time, in milliseconds since 1970.
fn time() -> i64 {
    i64::try_from(now()).unwrap_or(i64::MAX)
}

/// The time when something expires.
fn expires(milliseconds: u64) -> i64 {
    time().saturating_add(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}

pub(super) fn get(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, Fault> {
    let get = "SELECT value FROM items WHERE key = ?1 AND expires > ?2";
    let value = connection.query_row(get, params![key, time()], |row| row.get(0));
    Ok(value.optional()?)
}

pub(super) fn put_if_absent(
    connection: &Connection,
    key: &str,
    entry: &Owned,
) -> Result<bool, Fault> {
    let put = "INSERT INTO items (key, value, expires) VALUES (?1, ?2, ?3)
        ON CONFLICT (key) DO UPDATE SET value = ?2, expires = ?3 WHERE expires <= ?4";
    let expires = expires(entry.time_to_live);
    Ok(connection.execute(put, params![key, entry.value, expires, time()])? == 1)
}

pub(super) fn replace(
    connection: &Connection,
    key: &str,
    old: &[u8],
    entry: &Owned,
) -> Result<bool, Fault> {
    let replace = "UPDATE items SET value = ?3, expires = ?4
        WHERE key = ?1 AND value = ?2 AND expires > ?5";
    let expires = expires(entry.time_to_live);
    Ok(connection.execute(replace, params![key, old, entry.value, expires, time()])? == 1)
}

pub(super) fn remove(connection: &Connection, key: &str) -> Result<(), Fault> {
    connection.execute("DELETE FROM items WHERE key = ?1", [key])?;
    Ok(())
}

/// A row of the table `logs`.
struct Log {
    id: i64,
    extent: Extent,
    bytes: i64,
    expires: i64,
}

fn find_log(connection: &Connection, name: &str) -> Result<Option<Log>, Fault> {
    let find = "SELECT id, start, last, bytes, expires FROM logs WHERE name = ?1";
    let log = connection.query_row(find, [name], |row| {
        Ok(Log {
            id: row.get(0)?,
            extent: Extent {
                start: row.get(1)?,
                last: row.get(2)?,
            },
            bytes: row.get(3)?,
            expires: row.get(4)?,
        })
    });
    Ok(log.optional()?)
}

fn new_log(connection: &Connection, name: &str) -> Result<Log, Fault> {
    let start = first_position();
    let new = "INSERT INTO logs (name, start, last, bytes, expires) VALUES (?1, ?2, ?2, 0, 0)";
    connection.execute(new, params![name, start])?;
    Ok(Log {
        id: connection.last_insert_rowid(),
        extent: Extent { start, last: start },
        bytes: 0,
        expires: 0,
    })
}

pub(super) fn append(connection: &Connection, name: &str, entry: &Owned) -> Result<u64, Fault> {
    let mut log = match find_log(connection, name)? {
        Some(log) => log,
        None => new_log(connection, name)?,
    };
    drop_old(connection, &mut log)?;
    let position = log.extent.last + 1;
    let expires = expires(entry.time_to_live);
    let new = "INSERT INTO log_entries (log, position, value, expires) VALUES (?1, ?2, ?3, ?4)";
    connection.execute(new, params![log.id, position, entry.value, expires])?;
    let forgotten = expires.saturating_add(integer(milliseconds(FORGOTTEN_AFTER)));
    let update = "UPDATE logs SET last = ?2, bytes = ?3, expires = ?4 WHERE id = ?1";
    let bytes = log.bytes + integer(entry.value.len() + ENTRY_OVERHEAD);
    let expires = forgotten.max(log.expires);
    connection.execute(update, params![log.id, position, bytes, expires])?;
    Ok(position)
}

/// Drops the oldest entries that have expired or are too many. A call may leave some to the next.
fn drop_old(connection: &Connection, log: &mut Log) -> Result<(), Fault> {
    let oldest = "SELECT position, length(value), expires FROM log_entries
        WHERE log = ?1 ORDER BY position LIMIT ?2";
    let mut oldest = connection.prepare(oldest)?;
    let mut rows = oldest.query(params![log.id, SWEPT])?;
    let now = time();
    let mut dropped = None;
    while let Some(row) = rows.next()? {
        let (position, bytes, expires) = (
            row.get::<_, u64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
        );
        let fits = log.extent.last - position + 1 < LOG_ENTRIES as u64
            && log.bytes + integer(crate::store::log::ENTRY_BYTES) <= integer(LOG_BYTES);
        if fits && expires > now {
            break;
        }
        log.bytes -= bytes + integer(ENTRY_OVERHEAD);
        dropped = Some(position);
    }
    if let Some(position) = dropped {
        let drop = "DELETE FROM log_entries WHERE log = ?1 AND position <= ?2";
        connection.execute(drop, params![log.id, position])?;
    }
    Ok(())
}

fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

pub(super) fn read_log(connection: &Connection, name: &str, after: u64) -> Result<LogRead, Fault> {
    // One transaction, so that the row of the log and its entries are of the same time.
    let transaction = connection.unchecked_transaction()?;
    let Some(Log { id, extent, .. }) = find_log(&transaction, name)? else {
        return Ok(LogRead::new(Vec::new(), after, false));
    };
    let read = "SELECT position, value, expires FROM log_entries
        WHERE log = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
    let mut read = transaction.prepare(read)?;
    let limit = integer(READ_ENTRIES);
    let mut rows = read.query(params![id, extent.base(after), limit])?;
    let (now, mut entries, mut count, mut position) = (time(), Vec::new(), 0, 0);
    while let Some(row) = rows.next()? {
        position = row.get(0)?;
        count += 1;
        if row.get::<_, i64>(2)? > now {
            entries.push(LogEntry::new(position, row.get(1)?));
        }
    }
    let position = if count == READ_ENTRIES {
        position
    } else {
        extent.last
    };
    Ok(extent.read(after, entries, position))
}

pub(super) fn last_position(connection: &Connection, name: &str) -> Result<u64, Fault> {
    let log = find_log(connection, name)?;
    Ok(log.map_or(0, |log| log.extent.last))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log with this number of entries.
    fn log_of(entries: i64) -> Result<Connection, Fault> {
        let connection = Connection::open_in_memory()?;
        create_tables(&connection)?;
        for _ in 0..entries {
            append_to(&connection)?;
        }
        Ok(connection)
    }

    fn append_to(connection: &Connection) -> Result<u64, Fault> {
        let entry = StoreEntry::new(b"12345", Duration::from_secs(60));
        append(connection, "a", &Owned::from(entry))
    }

    fn entries_of(connection: &Connection) -> Result<i64, Fault> {
        let count = "SELECT count(*) FROM log_entries";
        Ok(connection.query_row(count, [], |row| row.get(0))?)
    }

    fn bytes_of(connection: &Connection) -> Result<Option<i64>, Fault> {
        Ok(find_log(connection, "a")?.map(|log| log.bytes))
    }

    fn check_swept() -> Result<(), Fault> {
        let size = integer(5 + ENTRY_OVERHEAD);
        let mut connection = log_of(SWEPT + 10)?;
        sweep(&mut connection)?;
        assert_eq!(entries_of(&connection)?, SWEPT + 10);
        let expire = "UPDATE log_entries SET expires = ?1";
        connection.execute(expire, [time() - UNUSED / 2])?;
        sweep(&mut connection)?;
        assert_eq!(
            entries_of(&connection)?,
            SWEPT + 10,
            "an append may drop them"
        );
        connection.execute(expire, [time() - UNUSED])?;
        sweep(&mut connection)?;
        assert_eq!(entries_of(&connection)?, 10);
        assert_eq!(bytes_of(&connection)?, Some(10 * size));
        append_to(&connection)?;
        assert_eq!(bytes_of(&connection)?, Some(size));
        sweep(&mut connection)?;
        assert_eq!(entries_of(&connection)?, 1);
        connection.execute("UPDATE logs SET expires = 0", [])?;
        sweep(&mut connection)?;
        assert_eq!(bytes_of(&connection)?, Some(size), "it has an entry");
        connection.execute(expire, [0])?;
        sweep(&mut connection)?;
        assert_eq!(bytes_of(&connection)?, None);
        Ok(())
    }

    #[test]
    fn the_entries_of_a_log_that_is_not_used_any_more_are_deleted() {
        check_swept().map_err(|_| "a fault").unwrap();
    }
}
