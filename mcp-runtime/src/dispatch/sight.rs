//! The components that one caller sees: the rules of the server, and those of the mounted servers.

use super::core::{Core, Request};
use crate::registry::{ComponentView, Listed};
use crate::visibility::Viewer;

/// The components that one caller sees.
pub(super) struct Sight<'a>(Option<(&'a Core, Viewer<'a>)>);

impl<'a> Sight<'a> {
    /// Returns the sight of a caller. `viewer` is not called if every caller sees everything.
    pub(super) fn new(core: &'a Core, viewer: impl FnOnce() -> Viewer<'a>) -> Self {
        Self((!core.visibility.is_total()).then(|| (core, viewer())))
    }

    /// Returns `true` if some components may be hidden.
    pub(super) fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Returns `true` if the caller sees a component.
    pub(super) fn sees(&self, entry: &impl Listed) -> bool {
        self.0.is_none() || self.allows(&entry.view())
    }

    /// Returns `true` if the caller has the scopes of a hidden component, and if all rules allow it: those of the server, and
    /// those of the mounted servers that it is reached through, which see the names that it has there.
    pub(super) fn allows(&self, component: &ComponentView<'_>) -> bool {
        let Some((core, viewer)) = &self.0 else {
            return true;
        };
        if !core.visibility.allows(viewer, component) {
            return false;
        }
        let needed = component.hiding_scopes();
        let Some((mounted, home)) = component
            .mounted()
            .and_then(|mounted| Some((mounted, core.home(mounted)?)))
        else {
            return viewer.has_scopes(needed);
        };
        let mut levels = home.servers.iter().zip(&mounted.names);
        levels.all(|(server, name)| {
            let viewer = viewer.within(&server.context);
            server.visibility.allows(&viewer, &component.renamed(name))
        }) && viewer.within(&home.context).has_scopes(needed)
    }
}

impl Core {
    /// Returns `true` if a resource of this URI is visible, or if the server has no resource of this URI.
    pub(super) fn shows(&self, sight: &Sight<'_>, uri: &str) -> bool {
        let snapshot = self.registry.now();
        let seen = || snapshot.resource(uri, |entry| sight.sees(entry)).is_some();
        let exists = || snapshot.resource(uri, |_| true).is_some();
        !sight.is_limited() || seen() || !exists()
    }
}

impl Request {
    /// Returns what the caller sees.
    pub(super) fn sight(&self) -> Sight<'_> {
        Sight::new(&self.core, || {
            let server = &self.core.context;
            Viewer::new(server, &self.caller, &self.origin, Some(&self.message))
        })
    }

    /// Returns `true` if the caller sees a component.
    #[inline]
    pub(super) fn sees(&self, entry: &impl Listed) -> bool {
        self.core.visibility.is_total() || self.sight().sees(entry)
    }
}
