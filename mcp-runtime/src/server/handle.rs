//! Changes to a running server, and its end.

use std::sync::Arc;

use super::failure::BuildError;
use super::shutdown::ServerState;
use crate::bus::{Change, ChangedComponent, Notifier};
use crate::opaque::opaque_debug;
pub(crate) use crate::registry::ComponentKind;
use crate::registry::IntoComponents;
#[cfg(feature = "cli")]
pub(crate) use crate::registry::Snapshot;

fn change(kind: ComponentKind, components: Vec<ChangedComponent>) -> Change {
    let list = match kind {
        ComponentKind::Tool => Change::Tools,
        ComponentKind::Prompt => Change::Prompts,
        ComponentKind::Resource => Change::Resources,
    };
    Change::Components(Box::new(list), components)
}

/// A handle that adds and removes components while the server runs, notifies clients of the change, and stops the server.
///
/// A request that is already being served keeps the components that it started with. See
/// [`Server::handle`](crate::Server::handle).
#[derive(Clone)]
pub struct ServerHandle(pub(super) Arc<ServerState>);

opaque_debug!(ServerHandle);

impl ServerHandle {
    /// Adds components.
    ///
    /// # Errors
    /// Returns an error if the server is not running yet, or if one of the components has a problem. In both cases no
    /// component is added.
    pub fn add(&self, components: impl IntoComponents) -> Result<(), BuildError> {
        let core = self.0.core().ok_or_else(|| {
            BuildError(vec![
                "the server is not running yet: use `Server::with`".to_owned(),
            ])
        })?;
        let components = components.into_components();
        let changes = components.changes();
        core.registry
            .add(components, |needed| core.context.states.contains(needed.0))
            .map_err(BuildError)?;
        for (kind, components) in changes {
            core.context.bus.tell(&change(kind, components));
        }
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

    /// Returns the metrics of [`Server::metrics`](crate::Server::metrics) in the text format of Prometheus, for an
    /// application with its own HTTP server. Returns `None` if the server has no metrics or is not running yet.
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

    fn remove(&self, kind: ComponentKind, key: &str) -> bool {
        let Some(core) = self.0.core() else {
            return false;
        };
        let removed = core.registry.remove(kind, key);
        let is_removed = removed.is_some();
        if let Some(component) = removed {
            core.context.bus.tell(&change(kind, vec![component]));
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

    /// Stops the server, and returns when it has stopped. Further calls wait for the first.
    ///
    /// New requests are refused, over HTTP with 503, and event streams end. Calls in flight then have
    /// [`Limits::shutdown_grace`](crate::Limits::shutdown_grace) to finish; later they are cancelled. At last the states of
    /// [`Server::lifespan`](crate::Server::lifespan) stop, which may take the same time again.
    ///
    /// A server that was mounted with [`Server::into_service`](crate::Server::into_service) needs this call; the `serve`
    /// methods stop by themselves, and also return after this call. Connections of axum close after the future that
    /// `with_graceful_shutdown` takes, so await the call there:
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
