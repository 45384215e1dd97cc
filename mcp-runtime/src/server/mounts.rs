//! Servers that are mounted in a server, and the options that they cannot have.

use super::{MountedServer, Server};
use crate::mount::{PREFIX_RULE, is_prefix};
use crate::registry::{Components, NO_COMPONENT};
#[cfg(feature = "proxy")]
use crate::upstream::Review;

#[cfg(feature = "cli")]
impl MountedServer {
    /// Removes the rules about visible components.
    pub(super) fn all_visible(self) -> Self {
        Self {
            server: self.server.all_visible(),
            ..self
        }
    }
}

impl Server {
    /// Mounts a server in this one: clients see its components beside those of this server, under a prefix.
    ///
    /// # Names
    ///
    /// | component | in the mounted server | mounted as `weather` |
    /// |---|---|---|
    /// | tool or prompt | `forecast` | `weather_forecast` |
    /// | resource | `db://cities` | `db://weather/cities` |
    /// | resource template | `db://{city}/today` | `db://weather/{city}/today` |
    /// | URI without `//` | `urn:isbn:1` | `urn:weather/isbn:1` |
    ///
    /// A prefix is a letter or digit, and then letters, digits, `_`, `-` and `.`, at most 64 of them. A mounted server may have
    /// mounted servers itself: `a` in `b` in the server has the tools `b_a_..`. Two components of one name or URI, and names of
    /// more than 128 characters, are errors when the server is built.
    ///
    /// Clients, layers of this server, the log, metrics and audit records have the names with prefixes. The layers and rules of
    /// the mounted server have its own names. Links, embedded resources and the parts of resources that a mounted component
    /// returns have the URIs that clients know, if they are those of resources of its server.
    ///
    /// # What a mounted server keeps
    ///
    /// | option | for its components |
    /// |---|---|
    /// | states and lifespans | its own, also of types that this server has; they start after those of this server, in the order of the mounts, and stop in reverse order |
    /// | layers, and its rate limit | run inside of the layers of this server; not around lists, which are those of this server |
    /// | [`timeout`](Self::timeout), [`mask_errors`](Self::mask_errors), [`forward_logs_of`](Self::forward_logs_of), [`cache`](Self::cache) for resources, the data of [`Context::session`](crate::Context::session) | its own |
    /// | [`Limits::requests`](crate::Limits::requests) | both limits apply, its own and that of this server |
    /// | [`visible`](Self::visible), and the scopes of components and what implies them | the rules of both servers must allow a component; the scopes are those of its own |
    /// | tags | [`only_tagged`](Self::only_tagged) and [`without_tagged`](Self::without_tagged) of this server select among its components, too |
    /// | [`extension`](Self::extension) | added to those of this server |
    /// | [`handle`](Self::handle) | adds, removes and notifies, also while the server runs; clients of this server are notified, and [`ServerHandle::stop`](crate::ServerHandle::stop) stops this server |
    ///
    /// Its name, title, instructions, icons and website are not shown, and its page size, the other limits and the options of HTTP
    /// have no effect. Authentication, audits, metrics, traces, TLS, session keys, single-use states, schema dialects and the
    /// [tool search](Self::tool_search) belong to
    /// this server: a server that has one of them cannot be mounted.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use serde_json::json;
    ///
    /// /// Get the weather forecast.
    /// #[tool]
    /// async fn forecast(place: State<String>) -> String {
    ///     format!("Rain in {}", *place)
    /// }
    ///
    /// /// All cities.
    /// #[resource("db://cities")]
    /// async fn cities() -> &'static str {
    ///     "Oslo, Rome"
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let weather = Server::new("weather", "1.0.0")
    ///     .with(components![forecast, cities])
    ///     .state("Oslo".to_owned());
    /// let client = Server::new("assistant", "1.0.0").mount("weather", weather).client().await;
    /// assert_eq!(client.call("weather_forecast", json!({})).await?.text(), "Rain in Oslo");
    /// assert_eq!(client.read("db://weather/cities").await?[0]["text"], "Oslo, Rome");
    /// # Ok(())
    /// # }
    /// ```
    pub fn mount(mut self, prefix: impl Into<String>, server: impl Into<Self>) -> Self {
        let (prefix, server) = (prefix.into(), server.into());
        if !is_prefix(&prefix) {
            self.components.problem(format!(
                "the server `{}` is mounted as `{prefix}`: {PREFIX_RULE}",
                server.about.name
            ));
        }
        #[cfg(feature = "proxy")]
        if let Some(upstream) = &server.proxied {
            self = self.name_upstream(prefix.clone(), (**upstream).clone());
        }
        self.mounts.push(MountedServer {
            prefix: Some(prefix),
            server,
        });
        self
    }

    /// Mounts a server like [`Server::mount`], without a prefix: names and URIs stay as they are.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Get the weather forecast.
    /// #[tool]
    /// async fn forecast() -> &'static str {
    ///     "Rain"
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let weather = Server::new("weather", "1.0.0").with(components![forecast]);
    /// let client = Server::new("assistant", "1.0.0").mount_without_prefix(weather).client().await;
    /// assert_eq!(client.tools().await?[0]["name"], "forecast");
    /// # Ok(())
    /// # }
    /// ```
    pub fn mount_without_prefix(mut self, server: impl Into<Self>) -> Self {
        self.mounts.push(MountedServer {
            prefix: None,
            server: server.into(),
        });
        self
    }

    /// Removes the components that this server and those around it do not select, and records servers without components.
    pub(super) fn select(&mut self) {
        for mounted in &mut self.mounts {
            mounted.server.select();
        }
        #[cfg(feature = "proxy")]
        let is_empty = self.mounts.is_empty() && self.proxied.is_none();
        #[cfg(not(feature = "proxy"))]
        let is_empty = self.mounts.is_empty();
        let own = &mut self.components;
        if own.is_empty() && is_empty {
            own.problem(NO_COMPONENT.to_owned());
        }
        let selection = std::mem::take(&mut self.selection);
        selection.apply(&mut self.all_components());
    }

    /// Returns the components of this server and of those that are mounted in it.
    fn all_components(&mut self) -> Vec<&mut Components> {
        let mut all = vec![&mut self.components];
        for mounted in &mut self.mounts {
            all.extend(mounted.server.all_components());
        }
        all
    }

    /// Returns the scopes that components of this server and of those that are mounted in it need.
    #[cfg(all(feature = "auth", feature = "cli"))]
    pub(super) fn all_scopes(&self) -> Vec<String> {
        let mut scopes = self.components.scopes();
        for mounted in &self.mounts {
            scopes.extend(mounted.server.all_scopes());
        }
        scopes
    }

    /// Connects the rules about visible components with those of mounted servers.
    pub(super) fn connect_visibility(&mut self) {
        for mounted in &mut self.mounts {
            let inner = &mut mounted.server;
            inner.visibility.share(&self.visibility);
            inner.connect_visibility();
            self.visibility.surround(&inner.visibility);
        }
    }

    /// Returns the options that only the outermost server can have.
    pub(super) fn outermost_options(&self) -> Vec<&'static str> {
        let mut options = vec![
            (self.access.is_enforced, "auth"),
            (!self.session_keys.is_empty(), "session_keys"),
            (self.used_states.is_some(), "single_use_state"),
            (self.cluster.is_some(), "cluster"),
            (self.tasks.is_some(), "tasks"),
            (self.dialect.is_some(), "schema_dialect"),
            (self.tool_search.is_some(), "tool_search"),
            (self.resources_as_tools, "resources_as_tools"),
            (self.prompts_as_tools, "prompts_as_tools"),
        ];
        #[cfg(feature = "proxy")]
        options.push((!matches!(self.review, Review::None), "lock_upstreams"));
        #[cfg(feature = "audit")]
        options.push((!self.audits.is_empty(), "audit"));
        #[cfg(feature = "metrics")]
        options.push((self.observer.metrics.is_enabled(), "metrics"));
        #[cfg(feature = "otel")]
        options.push((self.observer.otel.is_some(), "otel"));
        #[cfg(feature = "tls")]
        options.push((self.http.tls.is_some(), "tls"));
        options.retain(|(is_set, _)| *is_set);
        options.into_iter().map(|(_, name)| name).collect()
    }
}
