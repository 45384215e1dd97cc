//! A store in Redis or Valkey.

mod command;
mod connection;
mod fault;
mod scripts;

use std::fmt;
use std::time::Duration;

use ::redis::{FromRedisValue, cmd};
use tokio::time::{Instant, sleep_until};

use self::command::{Command, Repeat};
use self::connection::Connections;
use self::scripts::Scripts;
use super::log::{Extent, FORGOTTEN_AFTER, LOG_BYTES, LOG_ENTRIES, READ_ENTRIES, check_size};
use super::{LogEntry, LogRead, Store, StoreEntry, StoreError, StoreFuture, milliseconds};
use crate::secret::Secret;

/// The first part of all keys by default.
const PREFIX: &str = "mcp";

/// The time limit of each command by default.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The longest time to live, which Redis accepts as milliseconds.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The longest time for which Redis blocks one command of a waiting reader. A dead connection is noticed after it.
const BLOCK: Duration = Duration::from_secs(10);

/// A [`Store`] in Redis 6.2 or later, or in Valkey (feature `redis`), for the replicas of a server.
///
/// All replicas share what has the same prefix ([`RedisStore::prefix`]). Redis must not evict keys: set its `maxmemory-policy` to
/// `noeviction`, which is its default. What survives a restart of Redis depends on its persistence (`appendonly`).
///
/// A command waits for a lost connection to come back, within its time limit of five seconds ([`RedisStore::time_limit`]). A read
/// whose reply was lost is repeated. A write whose reply was lost is not: it fails, and may have been done.
///
/// Each key, and the two keys of a log, are in one hash slot. The store does not follow redirections of a cluster, so it needs one
/// address for all slots.
///
/// ```no_run
/// use mcp_runtime::{RedisStore, Server};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::connect(std::env::var("REDIS_URL")?).await?.prefix("bank");
/// let server = Server::new("bank", "1.0.0").session_store(store);
/// # Ok(())
/// # }
/// ```
pub struct RedisStore {
    connections: Connections,
    prefix: String,
    scripts: Scripts,
}

impl RedisStore {
    /// Connects to `redis://user:password@host:port/database`, or to `rediss://...` with TLS and the certificate authorities of the
    /// system.
    ///
    /// Neither errors nor the log contain the password.
    ///
    /// # Errors
    /// Returns an error if the URL is malformed, or if the server cannot be reached or refuses the credentials.
    pub async fn connect(url: impl Into<Secret<String>>) -> Result<Self, StoreError> {
        let connections = Connections::new(&url.into(), TIME_LIMIT)?;
        let store = Self {
            connections,
            prefix: PREFIX.to_owned(),
            scripts: Scripts::new(),
        };
        store.warn_about_eviction().await?;
        Ok(store)
    }

    /// Sets the first part of all keys, by default `mcp`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the time limit of each command, including a new connection, by default five seconds.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.connections.limit = limit;
        self
    }

    async fn warn_about_eviction(&self) -> Result<(), StoreError> {
        let mut info = cmd("INFO");
        info.arg("memory");
        let info: String = match self.connections.run(Repeat::IfLost, &info.into()).await {
            Ok(info) => info,
            // A user of an access control list may not have the right.
            Err(fault) if fault.is_missing_right() => return Ok(()),
            Err(fault) => return Err(self.connections.error(&fault)),
        };
        let value = |name| info.lines().find_map(|line| line.strip_prefix(name));
        let policy = value("maxmemory_policy:").unwrap_or("noeviction");
        if policy != "noeviction" && value("maxmemory:") != Some("0") {
            tracing::warn!(
                policy,
                "Redis may evict values of the store before they expire: set `maxmemory-policy` to `noeviction`"
            );
        }
        Ok(())
    }

    fn key(&self, key: &str) -> String {
        format!("{}:value:{key}", self.prefix)
    }

    /// The keys of a log. The part in braces selects their slot.
    fn log_keys(&self, log: &str) -> [String; 2] {
        ["entries", "extent"].map(|part| format!("{}:log:{{{log}}}:{part}", self.prefix))
    }

    async fn run<T: FromRedisValue>(
        &self,
        repeat: Repeat,
        command: impl Into<Command<'_>>,
    ) -> Result<T, StoreError> {
        let result = self.connections.run(repeat, &command.into()).await;
        result.map_err(|fault| self.connections.error(&fault))
    }

    async fn read_log(&self, log: &str, after: u64) -> Result<(LogRead, u64), StoreError> {
        let [entries, extent] = self.log_keys(log);
        let mut script = self.scripts.read.key(entries);
        script.key(extent).arg(after).arg(READ_ENTRIES);
        let read: (u64, u64, u64, Vec<(u64, Vec<u8>)>) = self.run(Repeat::IfLost, script).await?;
        let (start, last, position, entries) = read;
        if start == 0 {
            return Ok((LogRead::new(Vec::new(), after, false), 0));
        }
        let entries = entries.into_iter();
        let entries = entries
            .map(|(position, value)| LogEntry::new(position, value))
            .collect();
        let extent = Extent { start, last };
        // A store that was reset by hand may have any positions.
        let position = position.max(extent.base(after));
        Ok((extent.read(after, entries, position), last))
    }

    async fn wait(&self, log: &str, after: u64, wait: Duration) -> Result<LogRead, StoreError> {
        let deadline = Instant::now() + wait.min(LONGEST);
        loop {
            let (read, last) = self.read_log(log, after).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !read.is_empty() || left.is_zero() {
                return Ok(read);
            }
            let [entries, _] = self.log_keys(log);
            let block = left.min(BLOCK);
            let mut blocking = cmd("XREAD");
            blocking
                .arg("COUNT")
                .arg(1)
                .arg("BLOCK")
                .arg(milliseconds(block).max(1));
            blocking
                .arg("STREAMS")
                .arg(entries)
                .arg(format!("{last}-0"));
            let Some(waiter) = self.connections.waiter() else {
                // Too many readers wait: this one looks at an interval.
                sleep_until(deadline.min(Instant::now() + Duration::from_millis(100))).await;
                continue;
            };
            if let Err(fault) = self.connections.block(waiter, &blocking, block).await {
                return Err(self.connections.error(&fault));
            }
        }
    }
}

impl Store for RedisStore {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let mut get = cmd("GET");
            get.arg(self.key(key));
            Ok(self.run(Repeat::IfLost, get).await?)
        })
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let mut put = cmd("SET");
            put.arg(self.key(key))
                .arg(entry.value)
                .arg("NX")
                .arg("PX")
                .arg(time_to_live(&entry));
            let done: Option<String> = self.run(Repeat::Never, put).await?;
            Ok(done.is_some())
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let mut script = self.scripts.replace.key(self.key(key));
            script.arg(old).arg(entry.value).arg(time_to_live(&entry));
            Ok(self.run(Repeat::Never, script).await?)
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let mut remove = cmd("DEL");
            remove.arg(self.key(key));
            // Not repeated: meanwhile, another replica may have put a value of its own.
            Ok(self.run(Repeat::Never, remove).await?)
        })
    }

    fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            check_size(entry.value)?;
            let [entries, extent] = self.log_keys(log);
            let mut script = self.scripts.append.key(entries);
            script
                .key(extent)
                .arg(entry.value)
                .arg(time_to_live(&entry));
            script
                .arg(LOG_ENTRIES)
                .arg(LOG_BYTES)
                .arg(milliseconds(FORGOTTEN_AFTER));
            Ok(self.run(Repeat::Never, script).await?)
        })
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
        Box::pin(async move {
            let [_, extent] = self.log_keys(log);
            let mut last = cmd("HGET");
            last.arg(extent).arg("last");
            let last: Option<u64> = self.run(Repeat::IfLost, last).await?;
            Ok(last.unwrap_or_default())
        })
    }
}

/// The time to live in milliseconds, of which Redis needs one.
fn time_to_live(entry: &StoreEntry<'_>) -> u64 {
    milliseconds(entry.time_to_live.min(LONGEST)).max(1)
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RedisStore")
            .field("address", &self.connections.address)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
