//! The states of the application.

use std::any::{TypeId, type_name};
use std::future::Future;
use std::sync::Arc;

use super::Server;
use super::lifespan::Lifespan;
use crate::error::ToolError;

impl Server {
    /// Adds a value that handlers can take as [`State<T>`](crate::State). There can be one value of each type.
    pub fn state<T: Send + Sync + 'static>(self, value: T) -> Self {
        self.shared_state(Arc::new(value))
    }

    /// Adds a value like [`Server::state`], which other parts of the application share. Handlers take it as
    /// [`State<T>`](crate::State).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// use mcp_runtime::prelude::*;
    /// use serde_json::json;
    ///
    /// /// Return the number of visitors.
    /// #[tool]
    /// async fn visitors(count: State<AtomicU64>) -> u64 {
    ///     count.load(Ordering::Relaxed)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let count = Arc::new(AtomicU64::new(0));
    /// let server = Server::new("app", "1.0.0").with(components![visitors]).shared_state(Arc::clone(&count));
    /// let client = server.client().await;
    /// // The rest of the application, such as a route of axum, uses `count` too.
    /// count.fetch_add(2, Ordering::Relaxed);
    /// assert_eq!(client.call("visitors", json!({})).await?.text(), "2");
    /// # Ok(())
    /// # }
    /// ```
    pub fn shared_state<T: Send + Sync + 'static>(mut self, value: Arc<T>) -> Self {
        self.announce_state::<T>();
        self.states.insert(value);
        self
    }

    /// Adds a state that is created before the server starts to serve, such as a pool of connections. Handlers take it as
    /// [`State<T>`](crate::State).
    ///
    /// If `start` fails, the server does not start. The value is dropped when the server has stopped and its last handle is
    /// dropped; use [`Server::lifespan`] if it must be closed at a certain time, or by an `async` function.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use serde_json::json;
    ///
    /// struct Database {
    ///     rows: u64,
    /// }
    ///
    /// impl Database {
    ///     async fn open() -> Result<Self, std::io::Error> {
    ///         Ok(Self { rows: 3 })
    ///     }
    /// }
    ///
    /// /// Count the rows.
    /// #[tool]
    /// async fn count(database: State<Database>) -> u64 {
    ///     database.rows
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let server = Server::new("app", "1.0.0").with(components![count]).state_from(Database::open);
    /// assert_eq!(server.client().await.call("count", json!({})).await?.text(), "3");
    /// # Ok(())
    /// # }
    /// ```
    pub fn state_from<T, E, Start>(self, start: impl FnOnce() -> Start + Send + 'static) -> Self
    where
        T: Send + Sync + 'static,
        E: Into<ToolError>,
        Start: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.lifespan(start, |_| async {})
    }

    /// Adds a state like [`Server::state_from`], and a function that closes it when the server stops.
    ///
    /// `stop` receives the value after the last call has ended. [`ServerHandle::stop`](crate::ServerHandle::stop) describes
    /// how much time it has.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use std::sync::Arc;
    ///
    /// struct Database;
    ///
    /// impl Database {
    ///     async fn open() -> Result<Self, std::io::Error> {
    ///         Ok(Self)
    ///     }
    ///
    ///     async fn close(&self) {}
    /// }
    ///
    /// let server = Server::new("app", "1.0.0")
    ///     .lifespan(Database::open, |database: Arc<Database>| async move { database.close().await });
    /// ```
    pub fn lifespan<T, E, Start, StopFn>(
        mut self,
        start: impl FnOnce() -> Start + Send + 'static,
        stop: impl FnOnce(Arc<T>) -> StopFn + Send + 'static,
    ) -> Self
    where
        T: Send + Sync + 'static,
        E: Into<ToolError>,
        Start: Future<Output = Result<T, E>> + Send + 'static,
        StopFn: Future<Output = ()> + Send + 'static,
    {
        self.announce_state::<T>();
        self.lifespans.push(Lifespan::new(start, stop));
        self
    }

    /// Notes that handlers can take a state of this type. A second state of one type is a problem.
    fn announce_state<T: 'static>(&mut self) {
        let (id, name) = (TypeId::of::<T>(), type_name::<T>());
        if self.state_types.contains(&id) {
            self.components.problem(format!(
                "two states have the type `{name}`: wrap one of them in a new type"
            ));
        }
        self.state_types.push(id);
    }
}
