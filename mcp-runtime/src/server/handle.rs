//! Changing a server while it serves.

use std::sync::Arc;

use super::failure::BuildError;
use super::lifespan::{StopFn, stop_all};
use crate::bus::{Change, Notifier};
use crate::dispatch::Core;
use crate::opaque::opaque_debug;
pub(crate) use crate::registry::ComponentKind;
use crate::registry::IntoComponents;
#[cfg(feature = "cli")]
pub(crate) use crate::registry::{Snapshot, Unenforced};
use crate::sync::Mutex;

/// A running server, or one that is not running yet.
#[derive(Default)]
pub(super) struct ServerState(Mutex<Phase>);

#[derive(Default)]
struct Phase {
    core: Option<Arc<Core>>,
    stops: Vec<StopFn>,
}

impl ServerState {
    pub(super) fn begin(&self, core: Arc<Core>, stops: Vec<StopFn>) {
        let core = Some(core);
        *self.0.lock() = Phase { core, stops };
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

/// Adds and removes components while the server serves, and tells clients of it: see [`Server::handle`](crate::Server::handle).
///
/// A request that is being served keeps what it began with.
#[derive(Clone)]
pub struct ServerHandle(pub(super) Arc<ServerState>);

opaque_debug!(ServerHandle);

impl ServerHandle {
    /// Adds components.
    ///
    /// # Errors
    /// The server does not serve yet, or something is wrong with the components; then none of them is added.
    pub fn add(&self, components: impl IntoComponents) -> Result<(), BuildError> {
        let core = self.0.core().ok_or_else(|| {
            BuildError(vec![
                "the server does not serve yet: use `Server::with`".to_owned(),
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

    /// Removes the tool of this name; `false` if there is none.
    pub fn remove_tool(&self, name: &str) -> bool {
        self.remove(ComponentKind::Tool, name)
    }

    /// Removes the resource of this URI, or the template spelled like this; `false` if there is none.
    pub fn remove_resource(&self, uri: &str) -> bool {
        self.remove(ComponentKind::Resource, uri)
    }

    /// Removes the prompt of this name; `false` if there is none.
    pub fn remove_prompt(&self, name: &str) -> bool {
        self.remove(ComponentKind::Prompt, name)
    }

    /// The components as they are now; none before the server serves.
    #[cfg(feature = "cli")]
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let core = self.0.core();
        core.map(|core| core.registry.now()).unwrap_or_default()
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

    /// Tells clients that a resource changed, or a list whose members the server does not know of. `None` if it does
    /// not serve yet.
    pub fn notify(&self) -> Option<Notifier> {
        self.0
            .core()
            .map(|core| Notifier(Arc::clone(&core.context.bus)))
    }

    /// Stops what [`Server::lifespan`](crate::Server::lifespan) started, for a server that was mounted with
    /// [`Server::into_service`](crate::Server::into_service); others do so themselves.
    pub async fn stop(&self) {
        self.0.stop().await;
    }
}
