//! Changes to a running server, and its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::failure::BuildError;
use super::keys::KeyRotationError;
use super::shutdown::ServerState;
#[cfg(feature = "cli")]
use crate::access::Access;
use crate::bus::{Change, ChangedComponent, Notifier};
use crate::dispatch::Core;
use crate::opaque::opaque_debug;
pub(crate) use crate::registry::ComponentKind;
#[cfg(feature = "cli")]
use crate::registry::ComponentView;
use crate::registry::IntoComponents;
#[cfg(feature = "cli")]
pub(crate) use crate::registry::Snapshot;

/// Tells clients which components were added or removed. Tools that clients must search change no list.
fn tell(core: &Core, kind: ComponentKind, mut components: Vec<ChangedComponent>) {
    if kind == ComponentKind::Tool {
        let snapshot = core.registry.now();
        components.retain(|tool| snapshot.lists_tool(&tool.name));
    }
    let bus = &core.context.bus;
    if components.is_empty() {
        bus.count();
    } else {
        bus.tell(&Change::Components(Box::new(list(kind)), components));
    }
}

/// Tells clients which of these components, by kind, were added or removed, as the transforms of the server leave them.
pub(super) fn tell_all(core: &Core, changes: BTreeMap<ComponentKind, Vec<ChangedComponent>>) {
    for (kind, components) in changes {
        let offered = components.into_iter();
        let offered = offered.filter_map(|it| core.registry.transformed(&list(kind), it));
        tell(core, kind, offered.collect());
    }
}

/// Returns the change of the list of a kind.
fn list(kind: ComponentKind) -> Change {
    match kind {
        ComponentKind::Tool => Change::Tools,
        ComponentKind::Prompt => Change::Prompts,
        ComponentKind::Resource => Change::Resources,
    }
}

/// A handle that adds and removes components while the server runs, notifies clients of the change, and stops the server.
///
/// A request that is already being served keeps the components that it started with. See
/// [`Server::handle`](crate::Server::handle).
///
/// The handle of a [mounted server](crate::Server::mount) changes that server, and notifies the clients of the outer one.
///
/// ```
/// use mcp_runtime::{Tool, prelude::*};
/// use serde_json::{Value, json};
///
/// /// Say hello.
/// #[tool]
/// async fn hello() -> &'static str {
///     "Hello!"
/// }
///
/// async fn bye(_: Value, _: Context) -> &'static str {
///     "Bye!"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::new("app", "1.0.0").with(components![hello]);
/// let handle = server.handle();
/// let client = server.client().await;
/// handle.add(Tool::new("bye", json!({ "type": "object" }), bye).description("Say goodbye."))?;
/// assert_eq!(client.call("bye", json!({})).await?.text(), "Bye!");
/// assert!(handle.remove_tool("bye"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerHandle(pub(super) Arc<ServerState>);

opaque_debug!(ServerHandle);

impl ServerHandle {
    /// Adds components.
    ///
    /// The lints and the lock file of the command `check` do not apply to components that are added after the start: see
    /// [`Server::run`](crate::Server#method.run).
    ///
    /// # Errors
    /// Returns an error if the server is not running yet, or if one of the components has a problem, such as a name that another
    /// component of this server or of one around it has. In both cases no component is added.
    pub fn add(&self, components: impl IntoComponents) -> Result<(), BuildError> {
        let core = self.0.core().ok_or_else(|| {
            BuildError(vec![
                "the server is not running yet: use `Server::with`".to_owned(),
            ])
        })?;
        let mut components = components.into_components();
        if !core.context.access.is_enforced {
            components.refuse_scopes();
        }
        if components.hide_some() {
            core.visibility.hide();
        }
        let changes = components.changes();
        core.registry
            .add(components, |needed| core.context.has_state(needed.0))
            .map_err(BuildError)?;
        tell_all(&core, changes);
        Ok(())
    }

    /// Removes the tool with this name. Returns `false` if there is no such tool.
    pub fn remove_tool(&self, name: &str) -> bool {
        self.remove(ComponentKind::Tool, name)
    }

    /// Removes the resource with this URI, or the resource template with this text. Returns `false` if there is neither.
    pub fn remove_resource(&self, uri: &str) -> bool {
        self.remove(ComponentKind::Resource, uri)
    }

    /// Removes the prompt with this name. Returns `false` if there is no such prompt.
    pub fn remove_prompt(&self, name: &str) -> bool {
        self.remove(ComponentKind::Prompt, name)
    }

    /// Returns the current components. There are none before the server runs.
    #[cfg(feature = "cli")]
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let core = self.0.core();
        core.map(|core| core.registry.now()).unwrap_or_default()
    }

    /// Returns the scopes that imply others in the server that a component belongs to. There are none before the server runs.
    #[cfg(feature = "cli")]
    pub(crate) fn access(&self, component: &ComponentView<'_>) -> Access {
        let core = self.0.core();
        let access = core.map(|core| core.access_of(component.mounted()).clone());
        access.unwrap_or_default()
    }

    /// Returns the metrics of [`Server::metrics`](crate::Server::metrics) in the text format of Prometheus, for an
    /// application with its own HTTP server. Returns `None` if the server has no metrics or is not running yet.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
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
    /// let server = Server::new("app", "1.0.0").with(components![hello]).metrics();
    /// let handle = server.handle();
    /// let client = server.client().await;
    /// client.call("hello", json!({})).await?;
    /// let text = handle.metrics_text().unwrap_or_default();
    /// assert!(text.contains(r#"method="tools/call",component="hello",outcome="ok""#), "{text}");
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "metrics")]
    pub fn metrics_text(&self) -> Option<String> {
        self.0.core()?.metrics_text()
    }

    /// Replaces the components, without a notification.
    #[cfg(feature = "cli")]
    pub(crate) fn replace(&self, components: Snapshot) {
        if let Some(core) = self.0.core() {
            core.registry.replace(components);
        }
    }

    pub(super) fn remove(&self, kind: ComponentKind, key: &str) -> bool {
        let Some(core) = self.0.core() else {
            return false;
        };
        let removed = core.registry.remove(kind, key);
        let is_removed = removed.is_some();
        if let Some(component) = removed {
            tell(&core, kind, vec![component]);
        }
        is_removed
    }

    /// Returns a notifier, which tells clients that a resource or a list has changed, or `None` if the server is not running
    /// yet.
    ///
    /// Changes made through this handle are announced automatically; the notifier is for all others.
    pub fn notify(&self) -> Option<Notifier> {
        self.0
            .core()
            .map(|core| Notifier(Arc::clone(&core.context.bus)))
    }

    /// Replaces the key that seals the tokens of clients, in all replicas of a [cluster](crate::Server::cluster), such as after the
    /// loss of a key. Without this, the key is replaced each day.
    ///
    /// The new key is published at once, seals after 60 s, when all replicas can open its tokens, and replaces the older one. That one
    /// still opens the tokens of sessions that are in use, and is removed 25 hours later. While a published key does not seal yet,
    /// this does nothing more.
    ///
    /// # Errors
    /// Returns an error if the server is not running, if it has no [`Server::cluster`](crate::Server::cluster), if its store fails, or
    /// if there were 64 keys in the last 25 hours.
    pub async fn rotate_session_keys(&self) -> Result<(), KeyRotationError> {
        let core = self.0.core();
        let core = core.ok_or_else(|| KeyRotationError::new("the server is not running yet"))?;
        let cluster = core.context.cluster.as_ref();
        let keys = cluster.and_then(|cluster| cluster.keys()).ok_or_else(|| {
            KeyRotationError::new(
                "the server has no replicas: its keys are those of `Server::session_keys`, or set `Server::cluster`",
            )
        })?;
        Ok(keys.rotate().await?)
    }

    /// Returns `true` while the server accepts requests: its lifespans have started, and its shutdown has not begun. `GET /ready`
    /// of the built-in HTTP listener says the same.
    ///
    /// An application that mounts the server with [`Server::into_service`](crate::Server::into_service) answers the readiness
    /// checks of its balancer with it:
    ///
    /// ```no_run
    /// use axum::Router;
    /// use axum::http::StatusCode;
    /// use axum::routing::get;
    ///
    /// # async fn router(server: mcp_runtime::Server) -> Result<Router, mcp_runtime::ServeError> {
    /// let handle = server.handle();
    /// let ready = move || async move {
    ///     match handle.is_ready() {
    ///         true => StatusCode::OK,
    ///         false => StatusCode::SERVICE_UNAVAILABLE,
    ///     }
    /// };
    /// let router = Router::new()
    ///     .route("/ready", get(ready))
    ///     .route_service("/mcp", server.into_service().await?);
    /// # Ok(router)
    /// # }
    /// ```
    pub fn is_ready(&self) -> bool {
        self.0.core().is_some_and(|core| !core.is_stopping())
    }

    /// Stops the server, and returns when it has stopped. Further calls wait for the first. A mounted server stops with the
    /// outermost one, which this method stops then.
    ///
    /// The steps of a shutdown are the same for all transports, whatever caused it:
    ///
    /// 1. New requests are refused: HTTP answers them with 503 and -32603, and other transports read no further. Over HTTP,
    ///    notifications and answers to questions are still accepted, because calls in flight may need them. `/ready` answers
    ///    503.
    /// 2. Subscriptions end with their final result, and GET streams end.
    /// 3. Calls in flight have [`Limits::shutdown_grace`](crate::Limits::shutdown_grace) to finish. Then they are cancelled; over
    ///    HTTP their reply is -32603. A handler that blocks its thread cannot be cancelled, and is left behind after a quarter
    ///    of a second.
    /// 4. The states of [`Server::lifespan`](crate::Server::lifespan) stop, in the reverse order of their start. Together they
    ///    have the grace period again. One that takes longer is left behind. Then the last traces and metrics are exported, for
    ///    at most 5 s. This method returns.
    /// 5. The `serve` methods for HTTP close their socket and their connections. Responses that are being sent have the grace
    ///    period again.
    ///
    /// The cause can be this method, the future of a `.._with_shutdown` function, the end of the only connection, or, in
    /// `run`, `serve_stdio`, `serve_http`, `serve_listener` and `serve_unix`, the signal SIGTERM or SIGINT (Ctrl-C). A second
    /// signal ends the process at once, with the exit code 128 + its number.
    ///
    /// A server that was mounted with [`Server::into_service`](crate::Server::into_service) needs this call; the `serve`
    /// methods also return after it. Connections of axum close after the future that `with_graceful_shutdown` takes, so await
    /// the call there:
    ///
    /// ```no_run
    /// # async fn serve(server: mcp_runtime::Server) -> Result<(), Box<dyn std::error::Error>> {
    /// let handle = server.handle();
    /// let router = axum::Router::new().route_service("/mcp", server.into_service().await?);
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    /// axum::serve(listener, router)
    ///     .with_graceful_shutdown(async move {
    ///         let _ = tokio::signal::ctrl_c().await;
    ///         handle.stop().await;
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stop(&self) {
        self.0.stop().await;
    }
}
