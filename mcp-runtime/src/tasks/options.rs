//! The options of tasks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::store::{MemoryStore, Store};

/// The number of records in the default store, and the bytes of all of them.
const RECORDS: usize = 20_000;
const BYTES: usize = 64 << 20;

/// The options of tasks, for [`Server::tasks`](crate::Server::tasks).
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::{MemoryStore, Server, Tasks};
///
/// let tasks = Tasks::new()
///     .ttl(Duration::from_secs(24 * 60 * 60))
///     .poll_interval(Duration::from_secs(5))
///     .per_principal(10)
///     .store(MemoryStore::new(1_000, 8 << 20));
/// let server = Server::new("reports", "1.0.0").tasks(tasks);
/// ```
#[derive(Clone)]
pub struct Tasks {
    pub(super) ttl: Duration,
    pub(super) poll_interval: Duration,
    pub(super) per_principal: usize,
    pub(super) store: Option<Arc<dyn Store>>,
}

impl Tasks {
    /// Returns the default options.
    pub fn new() -> Self {
        Self {
            ttl: Duration::from_secs(3600),
            poll_interval: Duration::from_secs(1),
            per_principal: 100,
            store: None,
        }
    }

    /// Sets the time after the creation of a task for which it exists. The default is one hour, the minimum one second.
    ///
    /// A client of 2025-11-25 may ask for a shorter time. A task that is not finished by then is stopped. Afterwards its id is unknown.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl.max(Duration::from_secs(1));
        self
    }

    /// Sets the time between two requests of a client for the state of a task, as the server suggests it. The default is one
    /// second, the minimum one millisecond.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets the maximum number of unfinished tasks of one principal or, without one, of one address. The default is 100.
    /// Further calls are answered with -32603, over HTTP with 429.
    ///
    /// A session or principal of 2025-11-25 has at most 1,000 tasks, finished or not, because each of them is listed.
    /// One process runs at most 4,096 tasks at once, and at most a quarter of them for one principal or address.
    pub fn per_principal(mut self, tasks: usize) -> Self {
        self.per_principal = tasks;
        self
    }

    /// Sets the store of the records of tasks, which must implement [`Store::replace`].
    ///
    /// By default it is in the memory of the process, for at most 20,000 tasks and 64 MiB, of which one principal or address can
    /// use an eighth. With a store that outlives the process, clients can read their tasks after a restart, and replicas can serve
    /// each other's tasks. The clocks of replicas must agree within 20 seconds.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Uses this store if the application has set none.
    pub(crate) fn or_store(mut self, store: Option<Arc<dyn Store>>) -> Self {
        self.store = self.store.or(store);
        self
    }

    pub(super) fn default_store() -> Arc<dyn Store> {
        Arc::new(MemoryStore::new(RECORDS, BYTES))
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tasks")
            .field("ttl", &self.ttl)
            .field("poll_interval", &self.poll_interval)
            .field("per_principal", &self.per_principal)
            .finish_non_exhaustive()
    }
}
