//! The composition root: what a server is made of, and how it comes to serve.

mod failure;
mod handle;
mod keys;
mod lifespan;
mod serving;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use failure::{BuildError, ServeError};
pub use handle::ServerHandle;
use handle::ServerState;
#[cfg(feature = "cli")]
pub(crate) use handle::{ComponentKind, Snapshot, Unenforced};
use lifespan::Lifespan;
#[cfg(feature = "cli")]
pub(crate) use serving::ABORTS;
pub(crate) use serving::RunningServer;

use crate::call::States;
use crate::content::{Icon, IntoIcons};
use crate::dispatch::About;
use crate::error::ToolError;
use crate::layer::Layer;
use crate::opaque::opaque_debug;
use crate::protocol::cache::{Cache, CacheScope};
use crate::protocol::meta::{Prefix, prefix};
use crate::registry::{Components, IntoComponents, NeededState, Selection};
use crate::service::Limits;
use crate::store::Store;
#[cfg(feature = "http")]
use crate::transport::http::HttpOptions;

/// As many components as a list shows on one page unless told otherwise.
const PAGE_SIZE: usize = 1000;

/// A server: components and what surrounds them. [`server!`](crate::server!) makes one with all components of the package.
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
    needed_later: Vec<NeededState>,
    lifespans: Vec<Lifespan>,
    limits: Limits,
    page_size: usize,
    mask_errors: bool,
    session_keys: Vec<[u8; 32]>,
    used_states: Option<Arc<dyn Store>>,
    forwarded: Vec<String>,
    layers: Vec<Arc<dyn Layer>>,
    state: Arc<ServerState>,
    #[cfg(feature = "http")]
    pub(crate) http: HttpOptions,
}

opaque_debug!(Server, |it| name: it.about.name, version: it.about.version);

impl Server {
    /// A server without components.
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
            needed_later: Vec::new(),
            lifespans: Vec::new(),
            limits: Limits::default(),
            page_size: PAGE_SIZE,
            mask_errors: false,
            session_keys: Vec::new(),
            used_states: None,
            forwarded: Vec::new(),
            layers: Vec::new(),
            state: Arc::default(),
            #[cfg(feature = "http")]
            http: HttpOptions::default(),
        }
    }

    /// Sets the name that people read.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.about.title = Some(title.into());
        self
    }

    /// Says where to read more about the server.
    pub fn website(mut self, url: impl Into<String>) -> Self {
        self.about.website = Some(url.into());
        self
    }

    /// Tells models how to use the server.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.about.instructions = Some(instructions.into());
        self
    }

    /// Sets the pictures that a client may show beside the server's name, in revisions from 2025-11-25 on. They must be at
    /// `https://` or in `data:` URIs, or the server cannot be built.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#icons>.
    pub fn icons(mut self, icons: impl IntoIcons) -> Self {
        self.about.icons = icons.into_icons();
        for mistake in self.about.icons.iter().filter_map(Icon::mistake) {
            self.components.problem(format!("the server: {mistake}"));
        }
        self
    }

    /// Says how long lists, `server/discover` and what is read may be kept, to the millisecond, and with whom it may be
    /// shared. [`Resource::cache`](crate::Resource::cache) says otherwise for one resource.
    ///
    /// Without it nothing may be kept: a result is stale at once, lists are public, and what is read is private.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching>.
    pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
        self.about.cache = Some(Cache::new(ttl, scope));
        self
    }

    /// Declares an extension of the protocol, with its settings, an object, in revisions from 2026-07-28 on.
    ///
    /// The id is a prefix and a name, such as `com.example/search`; otherwise the server cannot be built.
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
                "the settings of the extension `{id}` are an object: write `json!({{}})` if there are none"
            ));
        }
        if self.about.extensions.insert(id.clone(), settings).is_some() {
            self.components.problem(format!(
                "the extension `{id}` is declared twice: remove one"
            ));
        }
        self
    }

    /// Adds components: what [`components!`](crate::components!) gives, a single [`Tool`](crate::Tool),
    /// [`Resource`](crate::Resource) or [`Prompt`](crate::Prompt), or a value of a type whose `impl` has
    /// [`#[tools]`](crate::tools).
    pub fn with(mut self, components: impl IntoComponents) -> Self {
        self.components.extend(components.into_components());
        self
    }

    /// Offers only the components that have one of these tags: `#[tool(tags("weather"))]`, or [`Tool::tag`](crate::Tool::tag).
    ///
    /// What [`Server::without_tagged`] leaves out stays out. A tag that no component has is an error when the server is
    /// built. Components that [`ServerHandle::add`] adds later are not chosen from.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Tell what the weather will be.
    /// #[tool(tags("weather"))]
    /// async fn forecast() -> &'static str {
    ///     "Rain"
    /// }
    ///
    /// /// Tell what the weather will be next year.
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

    /// Leaves out the components that have one of these tags: see [`Server::only_tagged`].
    pub fn without_tagged(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.selection.without(tags);
        self
    }

    /// Gives a value to every handler that takes [`State<T>`](crate::State). There is one value of each type.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        if !self.states.insert(Arc::new(value)) {
            self.components.problem(format!(
                "two states are of the type `{}`: wrap one in a type of its own",
                std::any::type_name::<T>()
            ));
        }
        self
    }

    /// Makes a state before the server serves, and ends it after.
    ///
    /// `start` makes the value that handlers take as [`State<T>`](crate::State): it may connect to a database, for
    /// instance, and a failure keeps the server from serving. `stop` gets the value back when the server has stopped.
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
        self.needed_later
            .push((std::any::TypeId::of::<T>(), std::any::type_name::<T>()));
        self.lifespans.push(Lifespan::new(start, stop));
        self
    }

    /// Sets the limits.
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

    /// Sets how many components a list shows on one page: 1,000 by default, and at least 1.
    pub fn page_size(mut self, size: usize) -> Self {
        self.page_size = size.max(1);
        self
    }

    /// Hides the text of errors from clients, but for those made with [`ToolError::new`]: they get a reference by which
    /// the text is found in the log.
    pub fn mask_errors(mut self) -> Self {
        self.mask_errors = true;
        self
    }

    /// Sets the keys that seal what clients carry: the ids of legacy HTTP sessions, and the state of calls that ask
    /// questions. The first key seals, all open, so that a key can be replaced while the old one is still in use.
    ///
    /// Replicas that share a key serve each other's clients, and so does a server after a restart. Without keys those of
    /// the environment variable `MCP_SESSION_KEYS` are used, which are 64 hexadecimal digits each and separated by
    /// commas, or else a random one: then sessions and open questions end with the process.
    pub fn session_keys(mut self, keys: impl IntoIterator<Item = [u8; 32]>) -> Self {
        self.session_keys = keys.into_iter().collect();
        self
    }

    /// Lets each `requestState` of a call that asks questions serve once, for calls that must happen at most once. The same
    /// state sent again is refused with -32602, and also while nobody can tell whether it was used: -32603.
    ///
    /// A client that loses the answer to an attempt cannot repeat it: it has to begin the call anew, without state, and is asked
    /// everything again. What [`Context::once`](crate::Context::once) recorded in the lost attempt is not known to the new one.
    ///
    /// [`MemoryStore`](crate::MemoryStore) is enough for one process whose keys end with it. Replicas, and servers that restart
    /// with the same [`Server::session_keys`], need a store in common that outlives them: see [`Store`].
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

    /// Says which `tracing` events inside of handlers are sent to clients that ask for log messages: those of these
    /// targets and of what is below them, such as `my_crate` or `my_crate::tools`, and no others.
    ///
    /// [`server!`](crate::server!) forwards those of the crate that calls it; [`Server::new`] none. Name no crate that
    /// may log secrets: the messages leave the machine. See [`ForwardLogs`](crate::ForwardLogs) for how they are sent.
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

    /// Puts a layer around each call of a tool, resource or prompt, each completion, and each list that functions make. The
    /// first layer is the outermost.
    ///
    /// ```
    /// use mcp_runtime::{LayeredCall, Next, Server};
    ///
    /// let server = Server::new("app", "1.0.0").layer(|call: LayeredCall, next: Next| async move {
    ///     let begin = std::time::Instant::now();
    ///     let outcome = next.run().await;
    ///     eprintln!("{} took {:?}, error: {}", call.name(), begin.elapsed(), outcome.is_error());
    ///     outcome
    /// });
    /// ```
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Makes the process forward logs, if it has no `tracing` subscriber of its own.
    #[cfg(feature = "cli")]
    pub(crate) fn install_forwarding(&self) {
        if !self.forwarded.is_empty() {
            crate::logs::install();
        }
    }

    /// Allows requests over HTTP whose `Host` is this name, beside localhost.
    #[cfg(feature = "http")]
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.http.allowed_hosts.push(host.into());
        self
    }

    /// Allows requests over HTTP from pages of this origin, such as `https://example.com`, beside those of localhost.
    /// Such pages get CORS headers, so that they can read the answers.
    #[cfg(feature = "http")]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.http.allowed_origins.push(origin.into());
        self
    }

    /// Sets the path of the endpoint for [`Server::serve_http`] and [`Server::serve_listener`]: `/mcp` by default.
    ///
    /// It begins with `/`, has no query, and is not `/health`, which answers `ok`; otherwise the server cannot be built.
    /// What [`Server::into_service`] gives is at the path that its router chose.
    #[cfg(feature = "http")]
    pub fn http_path(mut self, path: impl Into<String>) -> Self {
        let path = path.into();
        if let Some(mistake) = HttpOptions::mistake_of_path(&path) {
            self.components.problem(mistake);
        }
        self.http.path = Some(path);
        self
    }

    /// By which components are added and removed while the server serves.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle(Arc::clone(&self.state))
    }
}
