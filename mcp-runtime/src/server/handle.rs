//! Changes to a running server.

use std::sync::Arc;

use super::failure::BuildError;
use super::lifespan::{StopFn, stop_all};
use crate::bus::{Change, Notifier};
use crate::dispatch::Core;
use crate::opaque::opaque_debug;
pub(crate) use crate::registry::ComponentKind;
use crate::registry::IntoComponents;
#[cfg(feature = "cli")]
pub(crate) use crate::registry::Snapshot;
use crate::sync::Mutex;

/// The state of a server that is shared with its handles, before and after it is started.
#[derive(Default)]
pub(super) struct ServerState(Mutex<Started>);

#[derive(Default)]
struct Started {
    core: Option<Arc<Core>>,
    stops: Vec<StopFn>,
}

impl ServerState {
    pub(super) fn begin(&self, core: Arc<Core>, stops: Vec<StopFn>) {
        let core = Some(core);
        *self.0.lock() = Started { core, stops };
    }

    pub(super) async fn stop(&self) {
        let stops = std::mem::take(&mut self.0.lock().stops);
        stop_all(stops).await;
    }

    fn core(&self) -> Option<Arc<Core>> {
        self.0.lock().core.clone()
    }
}

fn change(kind: ComponentKind) -> Change {
    match kind {
        ComponentKind::Tool => Change::Tools,
        ComponentKind::Prompt => Change::Prompts,
        ComponentKind::Resource => Change::Resources,
    }
}

/// A handle that adds and removes components while the server runs, and notifies clients of the change.
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
        let kinds = components.kinds();
        core.registry
            .add(components, |needed| core.context.states.contains(needed.0))
            .map_err(BuildError)?;
        for kind in kinds {
            core.context.bus.tell(&change(kind));
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
        if removed {
            core.context.bus.tell(&change(kind));
        }
        removed
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

    /// Stops the states that [`Server::lifespan`](crate::Server::lifespan) started.
    ///
    /// Only a server that was mounted with [`Server::into_service`](crate::Server::into_service) needs this call; the `serve`
    /// methods stop the states themselves.
    pub async fn stop(&self) {
        self.0.stop().await;
    }
}
