//! The composition root: the [`Server`] builder, and the ways to run a server.

mod failure;
mod handle;
mod keys;
mod lifespan;
mod running;
mod serving;
mod shutdown;
mod signals;
mod telemetry;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use failure::{BuildError, ServeError};
pub use handle::ServerHandle;
#[cfg(feature = "cli")]
pub(crate) use handle::{ComponentKind, Snapshot};
use lifespan::Lifespan;
pub use running::RunningServer;
#[cfg(all(feature = "cli", feature = "http", unix))]
pub(crate) use serving::UnixSocket;
use shutdown::ServerState;

use crate::call::States;
use crate::content::{Icon, IntoIcons, is_uri};
use crate::dispatch::About;
use crate::error::ToolError;
use crate::layer::Layer;
use crate::observe::Observer;
use crate::opaque::opaque_debug;
use crate::protocol::cache::{Cache, CacheScope};
use crate::protocol::meta::{Prefix, prefix};
use crate::registry::{ComponentView, Components, IntoComponents, NeededState, Selection};
use crate::service::{Limits, Timeout};
use crate::store::Store;
#[cfg(feature = "http")]
use crate::transport::http::HttpOptions;

use crate::visibility::{Viewer, Visibility};

/// The default number of components on one page of a list.
const DEFAULT_PAGE_SIZE: usize = 1000;

/// An MCP server: its components, and the options that apply to all of them.
///
/// [`server!`](crate::server!) creates a server with all components of the package.
///
/// ```no_run
/// use mcp_runtime::prelude::*;
///
/// /// Add two numbers.
/// #[tool]
/// async fn add(a: f64, b: f64) -> f64 {
///     a + b
/// }
///
/// # async fn serve() -> Result<(), mcp_runtime::ServeError> {
/// Server::new("calc", "1.0.0")
///     .instructions("Ask me to add numbers.")
///     .with(components![add])
///     .serve_stdio()
///     .await
/// # }
/// ```
pub struct Server {
    pub(crate) about: About,
    components: Components,
    selection: Selection,
    states: States,
    lifespan_states: Vec<NeededState>,
    lifespans: Vec<Lifespan>,
    limits: Limits,
    page_size: usize,
    mask_errors: bool,
    timeout: Timeout,
    session_keys: Vec<[u8; 32]>,
    used_states: Option<Arc<dyn Store>>,
    session_store: Option<Arc<dyn Store>>,
    forwarded: Vec<String>,
    layers: Vec<Arc<dyn Layer>>,
    visibility: Visibility,
    observer: Observer,
    state: Arc<ServerState>,
    #[cfg(feature = "http")]
    pub(crate) http: HttpOptions,
}

opaque_debug!(Server, |it| name: it.about.name, version: it.about.version);

impl Server {
    /// Creates a server without components.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            about: About {
                name: name.into(),
                version: version.into(),
                ..About::default()
            },
            components: Components::default(),
            selection: Selection::default(),
            states: States::default(),
            lifespan_states: Vec::new(),
            lifespans: Vec::new(),
            limits: Limits::default(),
            page_size: DEFAULT_PAGE_SIZE,
            mask_errors: false,
            timeout: Timeout::default(),
            session_keys: Vec::new(),
            used_states: None,
            session_store: None,
            forwarded: Vec::new(),
            layers: Vec::new(),
            visibility: Visibility::default(),
            observer: Observer::default(),
            state: Arc::default(),
            #[cfg(feature = "http")]
            http: HttpOptions::default(),
        }
    }

    /// Sets the display name of the server.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.about.title = Some(title.into());
        self
    }

    /// Sets the URL of the server's website. With an invalid URL the server cannot be built.
    pub fn website(mut self, url: impl Into<String>) -> Self {
        let url = url.into();
        if !is_uri(&url) {
            self.components.problem(format!(
                "the website `{url}` is not a URL: write one such as `https://example.com`"
            ));
        }
        self.about.website = Some(url);
        self
    }

    /// Sets the instructions that tell models how to use the server.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.about.instructions = Some(instructions.into());
        self
    }

    /// Sets the icons that a client may show beside the server's name, in revisions from 2025-11-25 on.
    ///
    /// Each icon is a `https://` URL or a `data:` URI; with any other URI the server cannot be built.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#icons>.
    pub fn icons(mut self, icons: impl IntoIcons) -> Self {
        self.about.icons = icons.into_icons();
        for mistake in self.about.icons.iter().filter_map(Icon::mistake) {
            self.components.problem(format!("the server: {mistake}"));
        }
        self
    }

    /// Sets how long clients may cache lists, the result of `server/discover` and the contents of resources, and with whom
    /// they may share them. The time is sent in milliseconds.
    ///
    /// [`Resource::cache`](crate::Resource::cache) overrides this for one resource. By default no result may be cached: each is
    /// stale immediately. Lists are then public, and contents of resources private.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching>.
    pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
        self.about.cache = Some(Cache::new(ttl, scope));
        self
    }

    /// Declares a protocol extension and its settings, in revisions from 2026-07-28 on.
    ///
    /// The id consists of a prefix and a name, such as `com.example/search`, and the settings are a JSON object; otherwise the
    /// server cannot be built.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#extension-negotiation>.
    pub fn extension(mut self, id: impl Into<String>, settings: Value) -> Self {
        let id = id.into();
        if !matches!(prefix(&id), Some(Prefix::Free | Prefix::Reserved)) {
            self.components.problem(format!(
                "the extension `{id}` needs an id with a prefix, such as `com.example/search`"
            ));
        }
        if !settings.is_object() {
            self.components.problem(format!(
                "the settings of the extension `{id}` must be an object: write `json!({{}})` if there are none"
            ));
        }
        if self.about.extensions.insert(id.clone(), settings).is_some() {
            self.components.problem(format!(
                "the extension `{id}` is declared twice: remove one"
            ));
        }
        self
    }

    /// Adds components.
    ///
    /// These are the result of [`components!`](crate::components!), a single [`Tool`](crate::Tool),
    /// [`Resource`](crate::Resource) or [`Prompt`](crate::Prompt), or a value of a type whose `impl` block has the attribute
    /// [`#[tools]`](crate::tools).
    pub fn with(mut self, components: impl IntoComponents) -> Self {
        self.components.extend(components.into_components());
        self
    }

    /// Keeps only the components that have at least one of these tags.
    ///
    /// Tags are set with `#[tool(tags("weather"))]` or [`Tool::tag`](crate::Tool::tag). Components that
    /// [`Server::without_tagged`] removes stay removed. If no component has one of the tags, the server cannot be built.
    /// Components that [`ServerHandle::add`] adds later are not filtered.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Get the weather forecast.
    /// #[tool(tags("weather"))]
    /// async fn forecast() -> &'static str {
    ///     "Rain"
    /// }
    ///
    /// /// Get the weather forecast for next year.
    /// #[tool(tags("weather", "beta"))]
    /// async fn far_forecast() -> &'static str {
    ///     "Rain"
    /// }
    ///
    /// let server = Server::new("weather", "1.0.0")
    ///     .with(components![forecast, far_forecast])
    ///     .only_tagged(["weather"])
    ///     .without_tagged(["beta"]);
    /// ```
    pub fn only_tagged(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.selection.only(tags);
        self
    }

    /// Removes the components that have at least one of these tags. See [`Server::only_tagged`].
    pub fn without_tagged(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.selection.without(tags);
        self
    }

    /// Adds a value that handlers can take as [`State<T>`](crate::State). There can be one value of each type.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        if !self.states.insert(Arc::new(value)) {
            self.components.problem(format!(
                "two states have the type `{}`: wrap one of them in a new type",
                std::any::type_name::<T>()
            ));
        }
        self
    }

    /// Adds a state that is created before the server starts to serve, and released after it has stopped.
    ///
    /// `start` creates the value that handlers take as [`State<T>`](crate::State); for instance, it connects to a database.
    /// If it fails, the server does not start. `stop` receives the value when the server has stopped.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use std::sync::Arc;
    ///
    /// struct Database;
    ///
    /// let server = Server::new("app", "1.0.0").lifespan(
    ///     || async { Ok::<_, std::io::Error>(Database) },
    ///     |database: Arc<Database>| async move { drop(database) },
    /// );
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
        self.lifespan_states
            .push((std::any::TypeId::of::<T>(), std::any::type_name::<T>()));
        self.lifespans.push(Lifespan::new(start, stop));
        self
    }

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

    /// Sets the time limit of every call whose component sets none. The default is [`Timeout::default`]: 60 s, which progress
    /// extends to at most 10 minutes.
    ///
    /// [`Tool::timeout`](crate::Tool::timeout) and `#[tool(timeout = ..)]` replace it for one component. It limits the calls
    /// of tools, resources and prompts, completions, and the functions that list resources. With a limit of zero the server
    /// cannot be built.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mcp_runtime::{Server, Timeout};
    ///
    /// let quick = Server::new("quick", "1.0.0").timeout(Duration::from_secs(5));
    /// let unlimited = Server::new("patient", "1.0.0").timeout(Timeout::NONE);
    /// ```
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        if self.timeout.limit.is_zero() {
            self.components.problem(
                "the server: a timeout of zero stops every call: give it some time, or `Timeout::NONE`".to_owned(),
            );
        }
        self
    }

    /// Hides error texts from clients, except those of errors created with [`ToolError::new`].
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

    /// Sets the store of the data in [`Context::session`](crate::Context::session), which must implement [`Store::replace`].
    ///
    /// By default it is in the memory of the process, for at most 10,000 sessions or callers and 64 MiB. Replicas that share
    /// sessions need a shared store.
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

    /// Adds a layer around each call of a tool, resource or prompt, each completion and each list: see
    /// [the chapter about layers](crate::layer).
    ///
    /// The first layer is the outermost. Layers of components are inside of those of the server.
    ///
    /// ```
    /// use mcp_runtime::{LayeredCall, LogCalls, Next, Server};
    ///
    /// let server = Server::new("app", "1.0.0")
    ///     .layer(LogCalls::new())
    ///     .layer(|call: LayeredCall, next: Next| async move {
    ///         eprintln!("{} begins", call.name());
    ///         next.run().await
    ///     });
    /// ```
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Sets the components that a caller sees: those for which `rule` returns `true`. With several rules, all must allow a
    /// component.
    ///
    /// A component that a caller does not see is missing in its lists, and an unknown one in all of its requests: calls, reads,
    /// completions and subscriptions. The caller receives no `notifications/resources/updated` for it either, and
    /// no notification of a changed list if it sees none of the components that [`ServerHandle`] added or removed. The
    /// notifications that a [`Notifier`](crate::Notifier) sends name no component, and are sent to all listeners.
    ///
    /// The rule runs for each component of a request, so it must not block. Lists depend on the caller then, and clients may not
    /// share them. A resource that only a listing function names is visible if its template is. If the decisions of the rule
    /// change, notify clients with [`ServerHandle::notify`].
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::{Principal, Server};
    /// use serde_json::json;
    ///
    /// /// Return the time since the start.
    /// #[tool]
    /// async fn uptime() -> u64 {
    ///     60
    /// }
    ///
    /// /// Delete all data.
    /// #[tool(tags("admin"))]
    /// async fn wipe() {}
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let server = || {
    ///     Server::new("app", "1.0.0").with(components![uptime, wipe]).visible(|caller, component| {
    ///         let is_admin = caller.principal().is_some_and(|principal| principal.id() == "root");
    ///         is_admin || !component.has_tag("admin")
    ///     })
    /// };
    /// let client = server().client().await;
    /// assert_eq!(client.tools().await?.len(), 1);
    /// assert!(client.call("wipe", json!({})).await.is_err());
    /// let client = server().client().principal(Principal::new("root")).await;
    /// assert_eq!(client.tools().await?.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn visible(
        mut self,
        rule: impl Fn(&Viewer<'_>, &ComponentView<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.visibility.add(rule);
        self
    }

    /// Removes the rules of [`Server::visible`].
    #[cfg(feature = "cli")]
    pub(crate) fn all_visible(mut self) -> Self {
        self.visibility = Visibility::default();
        self
    }

    /// Allows HTTP requests whose `Host` is this name, in addition to localhost.
    #[cfg(feature = "http")]
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.http.allowed_hosts.push(host.into());
        self
    }

    /// Allows HTTP requests from web pages of this origin, such as `https://example.com`, in addition to those of localhost.
    ///
    /// Responses to such requests have CORS headers, so that the page can read them.
    #[cfg(feature = "http")]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.http.allowed_origins.push(origin.into());
        self
    }

    /// Sets the path of the endpoint for [`Server::serve_http`] and [`Server::serve_listener`]. The default is `/mcp`.
    ///
    /// The path begins with `/` and has no query. It is not `/health`, `/ready` or `/metrics`. Otherwise the server cannot be
    /// built. The service that [`Server::into_service`] returns ignores this path: its router decides.
    #[cfg(feature = "http")]
    pub fn http_path(mut self, path: impl Into<String>) -> Self {
        let path = path.into();
        if let Some(mistake) = HttpOptions::mistake_of_path(&path) {
            self.components.problem(mistake);
        }
        self.http.path = Some(path);
        self
    }

    /// Returns a handle that adds and removes components while the server runs, and stops the server.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle(Arc::clone(&self.state))
    }
}
