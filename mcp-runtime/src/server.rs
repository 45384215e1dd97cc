//! The composition root: the [`Server`] builder, and the ways to run a server.

mod about;
#[cfg(feature = "auth")]
mod authorization;
mod built;
mod calls;
mod failure;
mod handle;
#[cfg(feature = "http")]
mod http;
mod keys;
mod lifespan;
#[cfg(any(feature = "cli", feature = "proxy"))]
mod lock;
mod mounts;
#[cfg(feature = "openapi")]
mod openapi;
mod options;
#[cfg(feature = "proxy")]
mod proxies;
#[cfg(feature = "auth")]
mod revocation;
mod running;
mod serving;
mod shutdown;
mod signals;
#[cfg(feature = "skills")]
mod skills;
mod states;
mod telemetry;
#[cfg(test)]
#[cfg(feature = "http")]
mod tests;
#[cfg(feature = "tls")]
mod tls;
mod tool_search;
mod transforms;

use std::any::TypeId;
use std::sync::Arc;

pub use failure::{BuildError, ServeError};
pub use handle::ServerHandle;
#[cfg(feature = "cli")]
pub(crate) use handle::{ComponentKind, Snapshot};
pub use keys::KeyRotationError;
use lifespan::Lifespan;
pub use running::RunningServer;
#[cfg(all(feature = "cli", feature = "http", unix))]
pub(crate) use serving::UnixSocket;
use shutdown::ServerState;
#[cfg(all(feature = "cli", feature = "tls"))]
pub(crate) use tls::Tls;

use crate::access::Access;
#[cfg(feature = "audit")]
use crate::audit::Audit;
#[cfg(feature = "auth")]
use crate::auth::Identity;
use crate::call::States;
use crate::dispatch::About;
use crate::layer::Layer;
use crate::observe::Observer;
use crate::opaque::opaque_debug;
use crate::rate::RateLimit;
use crate::registry::{Components, IntoComponents, Selection, Transforms};
use crate::schema::SchemaDialect;
use crate::search::ToolSearch;
use crate::service::{Limits, Timeout};
#[cfg(feature = "skills")]
use crate::skills::Folder;
use crate::store::Store;
use crate::tasks::Tasks;
#[cfg(feature = "http")]
use crate::transport::http::HttpOptions;
#[cfg(feature = "proxy")]
use crate::upstream::{Review, Upstream, Upstreams};
use crate::visibility::Visibility;

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
    transforms: Transforms,
    mounts: Vec<MountedServer>,
    /// The upstream server whose components it has.
    #[cfg(feature = "proxy")]
    proxied: Option<Box<Upstream>>,
    /// The upstream servers of its handlers.
    #[cfg(feature = "proxy")]
    upstreams: Upstreams,
    /// Which definitions of upstream servers are offered.
    #[cfg(feature = "proxy")]
    review: Review,
    /// The folders whose skills are served.
    #[cfg(feature = "skills")]
    skill_folders: Vec<Folder>,
    states: States,
    /// The types of all states, also of those that are not started yet.
    state_types: Vec<TypeId>,
    lifespans: Vec<Lifespan>,
    limits: Limits,
    page_size: usize,
    tool_search: Option<ToolSearch>,
    resources_as_tools: bool,
    prompts_as_tools: bool,
    mask_errors: bool,
    timeout: Timeout,
    session_keys: Vec<[u8; 32]>,
    used_states: Option<Arc<dyn Store>>,
    /// What the replicas of this server share.
    cluster: Option<Arc<dyn Store>>,
    tasks: Option<Tasks>,
    session_store: Option<Arc<dyn Store>>,
    forwarded: Vec<String>,
    layers: Vec<Arc<dyn Layer>>,
    visibility: Visibility,
    dialect: Option<SchemaDialect>,
    rate: Option<RateLimit>,
    observer: Observer,
    #[cfg(feature = "audit")]
    audits: Vec<Audit>,
    #[cfg(feature = "audit")]
    audit_key: Option<Box<[u8; 32]>>,
    access: Access,
    /// The caller of stdio.
    #[cfg(feature = "auth")]
    local: Option<Arc<Identity>>,
    state: Arc<ServerState>,
    #[cfg(feature = "http")]
    pub(crate) http: HttpOptions,
}

/// A server that is mounted in another one.
struct MountedServer {
    prefix: Option<String>,
    server: Server,
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
            transforms: Transforms::default(),
            mounts: Vec::new(),
            #[cfg(feature = "proxy")]
            proxied: None,
            #[cfg(feature = "skills")]
            skill_folders: Vec::new(),
            #[cfg(feature = "proxy")]
            upstreams: Upstreams::default(),
            #[cfg(feature = "proxy")]
            review: Review::default(),
            states: States::default(),
            state_types: Vec::new(),
            lifespans: Vec::new(),
            limits: Limits::default(),
            page_size: DEFAULT_PAGE_SIZE,
            tool_search: None,
            resources_as_tools: false,
            prompts_as_tools: false,
            mask_errors: false,
            timeout: Timeout::default(),
            session_keys: Vec::new(),
            used_states: None,
            cluster: None,
            tasks: None,
            session_store: None,
            forwarded: Vec::new(),
            layers: Vec::new(),
            visibility: Visibility::default(),
            dialect: None,
            rate: None,
            observer: Observer::default(),
            #[cfg(feature = "audit")]
            audits: Vec::new(),
            #[cfg(feature = "audit")]
            audit_key: None,
            access: Access::default(),
            #[cfg(feature = "auth")]
            local: None,
            state: Arc::default(),
            #[cfg(feature = "http")]
            http: HttpOptions::default(),
        }
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

    /// Returns a handle that adds and removes components while the server runs, and stops the server.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle(Arc::clone(&self.state))
    }
}
