//! The options of limits, stores and keys.

use std::sync::Arc;

use super::Server;
use crate::schema::SchemaDialect;
use crate::service::Limits;
use crate::store::Store;
use crate::tasks::Tasks;

impl Server {
    /// Sets the limits of sizes, times and counts.
    ///
    /// ```
    /// use mcp_runtime::{Limits, Server};
    ///
    /// let mut limits = Limits::default();
    /// limits.message_bytes = 1 << 20;
    /// let server = Server::new("small", "1.0.0").limits(limits);
    /// ```
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the number of components on one page of a list. The default is 1,000, the minimum 1.
    pub fn page_size(mut self, size: usize) -> Self {
        self.page_size = size.max(1);
        self
    }

    /// Sends the schemas of tools' arguments in the form that the API of a model takes, for clients that do not convert them.
    ///
    /// By default, every client receives JSON Schema. Some clients hand it to the API of their model as it is, and that API
    /// refuses what it does not know. The command `check --client NAME` names such parts.
    ///
    /// - Parts that the form does not have are left out, and said in words in the descriptions.
    /// - A value whose form cannot be expressed, such as a map, becomes a string with JSON. Recursive schemas do so for Gemini.
    /// - In the form of `OpenAI` each property is required, and an optional one is null if it has no value.
    ///
    /// Calls are checked against the original schema, after such strings and nulls are turned back; a client may also send the
    /// original form. Only `tools/list` changes, and only the schemas of arguments: clients check results against output schemas.
    ///
    /// ```
    /// use mcp_runtime::SchemaDialect;
    /// use mcp_runtime::prelude::*;
    /// use serde_json::json;
    ///
    /// /// Search for cities.
    /// #[tool]
    /// async fn search(country: String, limit: Option<u8>) -> String {
    ///     format!("{country}, at most {}", limit.unwrap_or(10))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let server = Server::new("cities", "1.0.0").with(components![search]);
    /// let client = server.schema_dialect(SchemaDialect::OpenAi).client().await;
    /// let schema = &client.tools().await?[0]["inputSchema"];
    /// assert_eq!(schema["required"], json!(["country", "limit"]));
    /// assert_eq!(schema["properties"]["limit"]["type"], json!(["integer", "null"]));
    /// let reply = client.call("search", json!({ "country": "Chile", "limit": null })).await?;
    /// assert_eq!(reply.text(), "Chile, at most 10");
    /// # Ok(())
    /// # }
    /// ```
    pub fn schema_dialect(mut self, dialect: SchemaDialect) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Returns the form of schemas; `None` for JSON Schema.
    #[cfg(feature = "cli")]
    pub(crate) fn dialect(&self) -> Option<SchemaDialect> {
        self.dialect
    }

    /// Replaces the form of schemas.
    #[cfg(feature = "cli")]
    pub(crate) fn in_dialect(mut self, dialect: Option<SchemaDialect>) -> Self {
        self.dialect = dialect;
        self
    }

    /// Hides error texts from clients, except those of errors created with [`ToolError::new`](crate::ToolError::new).
    ///
    /// Clients receive a reference instead, under which the text is in the log.
    pub fn mask_errors(mut self) -> Self {
        self.mask_errors = true;
        self
    }

    /// Sets the keys that seal the tokens held by clients: the ids of legacy HTTP sessions, and the state of calls that ask
    /// questions.
    ///
    /// The first key seals tokens, and every key opens them, so that a key can be replaced while tokens of the old one are
    /// still in use. Replicas that share a key can serve each other's clients, and so can a server after a restart.
    ///
    /// The replicas of a [cluster](Self::cluster) have keys of their own, which they share in the store and replace each day. Keys that
    /// are set here seal them, so that the store does not know them, and open older tokens.
    ///
    /// By default the keys are read from the environment variable `MCP_SESSION_KEYS`: 64 hexadecimal digits each, separated
    /// by commas. Without that variable a random key is used, and sessions and open questions end with the process.
    pub fn session_keys(mut self, keys: impl IntoIterator<Item = [u8; 32]>) -> Self {
        self.session_keys = keys.into_iter().collect();
        self
    }

    /// Accepts each `requestState` of a call that asks questions only once, for calls that must run at most once.
    ///
    /// A state that is sent again is refused with -32602. If the store cannot tell whether a state was used, the call is
    /// refused with -32603.
    ///
    /// A client that loses the reply to an attempt cannot repeat that attempt. It has to start the call again without a state,
    /// and all questions are asked again. Outcomes that [`Context::once`](crate::Context::once) recorded in the lost attempt
    /// are not available to the new one.
    ///
    /// [`MemoryStore`](crate::MemoryStore) is sufficient for one process whose keys end with it. Replicas, and servers that
    /// restart with the same [`Server::session_keys`], need a shared store that outlives them: see [`Store`].
    ///
    /// ```
    /// use mcp_runtime::{MemoryStore, Server};
    ///
    /// let server = Server::new("bank", "1.0.0").single_use_state(MemoryStore::default());
    /// ```
    pub fn single_use_state(mut self, store: impl Store) -> Self {
        self.used_states = Some(Arc::new(store));
        self
    }

    /// Makes this server one of several replicas, which share a store: `RedisStore` (feature `redis`), or `SqliteStore` (feature
    /// `sqlite`) on one machine. A client may send each request to another replica.
    ///
    /// All replicas receive each other's changes, so that a client that listens at one of them is notified of changes at all. They share
    /// sessions with their settings and data, open questions, cancellations, and tasks. They need the same
    /// [`Server::session_keys`].
    ///
    /// The store must have logs ([`Store::append`]) and [`Store::replace`]. While it is away, requests that do not need it are
    /// served, and others are refused with 503 or -32603. Changes are told when it is back.
    ///
    /// Components that are added to one replica are not added to the others.
    ///
    /// ```no_run
    /// # #[cfg(feature = "redis")]
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use mcp_runtime::{RedisStore, server};
    ///
    /// let store = RedisStore::connect(std::env::var("REDIS_URL")?).await?;
    /// server!().cluster(store).serve_http("127.0.0.1:8080").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn cluster(mut self, store: impl Store) -> Self {
        self.cluster = Some(Arc::new(store));
        self
    }

    /// Sets the options of tasks: see [`Tasks`]. Tools with `#[tool(task)]` work without them.
    pub fn tasks(mut self, tasks: Tasks) -> Self {
        self.tasks = Some(tasks);
        self
    }

    /// Sets the store of the data in [`Context::session`](crate::Context::session), which must implement [`Store::replace`].
    ///
    /// By default it is in the memory of the process, for at most 10,000 sessions or callers and 64 MiB. Replicas that share
    /// sessions need a shared store.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mcp_runtime::{MemoryStore, Principal, Store, StoreEntry, StoreFuture, prelude::*};
    /// use serde_json::json;
    ///
    /// /// A store that two servers of one process share.
    /// #[derive(Clone, Default)]
    /// struct Shared(Arc<MemoryStore>);
    ///
    /// impl Store for Shared {
    ///     fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
    ///         self.0.get(key)
    ///     }
    ///
    ///     fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
    ///         self.0.put_if_absent(key, entry)
    ///     }
    ///
    ///     fn replace<'a>(&'a self, key: &'a str, old: &'a [u8], entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
    ///         self.0.replace(key, old, entry)
    ///     }
    ///
    ///     fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
    ///         self.0.remove(key)
    ///     }
    /// }
    ///
    /// /// Count the calls of the caller.
    /// #[tool]
    /// async fn count(context: Context) -> Result<u64, ToolError> {
    ///     let session = context.session()?;
    ///     let count = session.get::<u64>("count").await?.unwrap_or_default() + 1;
    ///     session.set("count", &count).await?;
    ///     Ok(count)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let store = Shared::default();
    /// for expected in ["1", "2"] {
    ///     let server = Server::new("app", "1.0.0").with(components![count]).session_store(store.clone());
    ///     let client = server.client().principal(Principal::new("ada")).await;
    ///     assert_eq!(client.call("count", json!({})).await?.text(), expected);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn session_store(mut self, store: impl Store) -> Self {
        self.session_store = Some(Arc::new(store));
        self
    }

    /// Sets the targets whose `tracing` events are sent to clients that ask for log messages.
    ///
    /// Events inside of handlers are sent if their target is one of these or below one, such as `my_crate` or
    /// `my_crate::tools`. [`server!`](crate::server!) forwards events of the crate that calls it; [`Server::new`] forwards
    /// none. Do not list a crate that may log secrets: the messages leave the machine. See
    /// [`forward_logs`](crate::forward_logs) for how they are sent.
    ///
    /// ```
    /// use mcp_runtime::Server;
    ///
    /// let server = Server::new("app", "1.0.0").forward_logs_of(["app", "app_database"]);
    /// ```
    pub fn forward_logs_of(mut self, targets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.forwarded = targets.into_iter().map(Into::into).collect();
        self
    }
}
