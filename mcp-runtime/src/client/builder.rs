//! The builder of the in-process client.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use futures_core::future::BoxFuture;
use serde_json::Value;

use super::{AnswerFn, Client, ClientError};
#[cfg(feature = "auth")]
use crate::auth::Identity;
use crate::error::chain;
use crate::opaque::opaque_debug;
use crate::owner::Principal;
use crate::protocol::header::HeaderList;
use crate::protocol::{LogLevel, Revision};
use crate::server::Server;
use crate::service::Origin;
use crate::sync::Mutex;
use crate::transport::memory::Memory;

/// A builder of a [`Client`]. Await it to start the server and connect.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::{Principal, Revision};
/// use serde_json::json;
///
/// /// Say hello.
/// #[tool]
/// async fn hello() -> &'static str {
///     "Hello!"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let server = Server::new("app", "1.0.0").with(components![hello]);
/// let client = server.client().revision(Revision::V2025_11_25).principal(Principal::new("ada")).await;
/// assert_eq!(client.call("hello", json!({})).await?.text(), "Hello!");
/// # Ok(())
/// # }
/// ```
pub struct ClientBuilder {
    server: Server,
    revision: Revision,
    answer: Option<AnswerFn>,
    headers: HeaderList,
    origin: Origin,
    traceparent: Option<String>,
    log_level: Option<LogLevel>,
    apps: bool,
}

opaque_debug!(ClientBuilder, |it| server: it.server, revision: it.revision);

impl ClientBuilder {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            revision: Revision::LATEST,
            answer: None,
            headers: HeaderList::default(),
            origin: Origin::default(),
            traceparent: None,
            log_level: None,
            apps: false,
        }
    }

    /// Sets the revision that the client speaks. With a legacy revision, the client starts with the handshake.
    pub fn revision(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }

    /// Declares that the client shows the pages of MCP Apps: see [`ClientInfo::apps`](crate::ClientInfo::apps).
    pub fn apps(mut self) -> Self {
        self.apps = true;
        self
    }

    /// Sets the function that answers questions of handlers, such as those of
    /// [`Context::elicit`](crate::Context::elicit), in legacy and in stateless revisions.
    ///
    /// The function receives the `method` and `params` of a question in their wire format, and returns its `result`. Without
    /// such a function the client declares no capability to answer questions.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    /// use serde_json::json;
    ///
    /// #[derive(Deserialize, JsonSchema, Elicit)]
    /// struct Name {
    ///     name: String,
    /// }
    ///
    /// /// Greet the user.
    /// #[tool]
    /// async fn greet(context: Context) -> Result<String, ToolError> {
    ///     let Name { name } = context.elicit("What is your name?").await?;
    ///     Ok(format!("Hello, {name}!"))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let client = Server::new("greeter", "1.0.0").with(components![greet]).client();
    /// let client = client
    ///     .answer_with(|question| {
    ///         assert_eq!(question["params"]["message"], "What is your name?");
    ///         json!({ "action": "accept", "content": { "name": "Ada" } })
    ///     })
    ///     .await;
    /// assert_eq!(client.call("greet", json!({})).await?.text(), "Hello, Ada!");
    /// # Ok(())
    /// # }
    /// ```
    pub fn answer_with(mut self, answer: impl FnMut(&Value) -> Value + Send + 'static) -> Self {
        self.answer = Some(Box::new(answer));
        self
    }

    /// Sets a header of all requests, in place of an earlier one of this name. Names are case-insensitive, and values are visible
    /// ASCII.
    ///
    /// Handlers read it as if it came over HTTP. Headers of the protocol have no meaning here.
    ///
    /// ```
    /// use mcp_runtime::{Headers, prelude::*};
    /// use serde_json::json;
    ///
    /// /// Return the name of the tenant.
    /// #[tool]
    /// async fn tenant(headers: Headers) -> Option<String> {
    ///     headers.get("x-tenant").map(str::to_owned)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let client = Server::new("app", "1.0.0").with(components![tenant]).client();
    /// let client = client.header("X-Tenant", "acme").await;
    /// assert_eq!(client.call("tenant", json!({})).await?.text(), "acme");
    /// # Ok(())
    /// # }
    /// ```
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.set(name.into(), value.into());
        self
    }

    /// Sets the authenticated caller of all requests, which [`Context::principal`](crate::Context::principal) returns.
    pub fn principal(mut self, principal: Principal) -> Self {
        self.origin.principal = Some(principal);
        self
    }

    /// Sets the authenticated caller of all requests, its scopes and its claims, as [`Server::auth`] verifies them.
    #[cfg(feature = "auth")]
    pub fn identity(self, identity: Identity) -> Self {
        self.identified(Some(identity))
    }

    /// Sets the authenticated caller of all requests, if there is one.
    #[cfg(feature = "auth")]
    pub(crate) fn identified(mut self, identity: Option<Identity>) -> Self {
        self.origin = self.origin.identified(identity.map(Arc::new));
        self
    }

    /// Inserts a value into the extensions of all requests, as an outer tower or axum layer does. Handlers read it with
    /// [`Context::extension`](crate::Context::extension).
    ///
    /// ```
    /// use mcp_runtime::{Extension, prelude::*};
    /// use serde_json::json;
    ///
    /// #[derive(Clone)]
    /// struct Tenant(String);
    ///
    /// /// Return the name of the tenant.
    /// #[tool]
    /// async fn tenant(tenant: Extension<Tenant>) -> String {
    ///     tenant.0.0
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let client = Server::new("app", "1.0.0").with(components![tenant]).client();
    /// let client = client.extension(Tenant("acme".to_owned())).await;
    /// assert_eq!(client.call("tenant", json!({})).await?.text(), "acme");
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "http")]
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.origin.extensions.insert(value);
        self
    }

    /// Sets the trace and the parent span of all requests, as the `traceparent` of
    /// [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header).
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use serde_json::json;
    ///
    /// /// Return the header for a request of this tool to another service.
    /// #[tool]
    /// async fn trace(context: Context) -> Option<String> {
    ///     let trace = context.outgoing_trace();
    ///     let mut headers = trace.headers();
    ///     headers.find(|(name, _)| *name == "traceparent").map(|(_, value)| value.to_owned())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// let client = Server::new("app", "1.0.0").with(components![trace]).client();
    /// let client = client.traceparent(traceparent).await;
    /// assert_eq!(client.call("trace", json!({})).await?.text(), traceparent);
    /// # Ok(())
    /// # }
    /// ```
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Some(traceparent.into());
        self
    }

    /// Asks the server for log messages of at least this level. [`Client::take_notifications`] returns them.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use serde_json::json;
    ///
    /// /// Fetch a page.
    /// #[tool]
    /// async fn fetch(context: Context) {
    ///     context.log(LogLevel::Debug, "from the cache");
    ///     context.log(LogLevel::Warning, "the page is old");
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let client = Server::new("app", "1.0.0").with(components![fetch]).client();
    /// let client = client.log_level(LogLevel::Info).await;
    /// client.call("fetch", json!({})).await?;
    /// let messages = client.take_notifications();
    /// assert_eq!(messages.len(), 1);
    /// assert_eq!(messages[0]["params"]["data"], "the page is old");
    /// # Ok(())
    /// # }
    /// ```
    pub fn log_level(mut self, level: LogLevel) -> Self {
        self.log_level = Some(level);
        self
    }

    async fn connect(self) -> Client {
        let started = self.server.start().await;
        let origin = Origin {
            headers: Some(Arc::new(self.headers)),
            ..self.origin
        };
        let client = Client {
            server: started
                .map(|running| {
                    let memory = Memory::new(running.service()).with_origin(origin);
                    (memory, running)
                })
                .map_err(|error| ClientError::Server(chain(&error))),
            traceparent: self.traceparent,
            log_level: self.log_level,
            apps: self.apps,
            revision: self.revision,
            answer: self.answer.map(Mutex::new),
            next_id: AtomicI64::new(1),
        };
        client.initialize().await;
        client
    }
}

impl IntoFuture for ClientBuilder {
    type Output = Client;
    type IntoFuture = BoxFuture<'static, Client>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}
