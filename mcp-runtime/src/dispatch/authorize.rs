//! The OAuth scopes that an operation needs.
//!
//! They are checked before a handler or a layer runs, and before a stream begins.

use std::collections::BTreeSet;

use super::core::{Core, Request};
#[cfg(feature = "auth")]
use crate::access::Access;
use crate::protocol::error::RpcError;
use crate::registry::Listed;
use crate::service::Origin;

impl Request {
    /// Returns an error if the caller lacks a scope that a component needs.
    #[inline]
    pub(super) fn authorize(&self, component: &impl Listed) -> Result<(), RpcError> {
        let needed = &component.definition().scopes;
        if needed.is_empty() {
            return Ok(());
        }
        self.require(std::iter::once(component))
    }

    /// Returns an error that names all scopes of these components if the caller lacks one of them.
    #[cold]
    fn require<'a, T: Listed + 'a>(
        &self,
        components: impl Iterator<Item = &'a T>,
    ) -> Result<(), RpcError> {
        let mut needed = BTreeSet::new();
        let mut is_permitted = true;
        for component in components {
            is_permitted &= self.core.permits(&self.origin, component);
            needed.extend(component.definition().scopes.iter().map(String::as_str));
        }
        if is_permitted {
            return Ok(());
        }
        let needed: Vec<&str> = needed.into_iter().collect();
        Err(RpcError::insufficient_scope(&needed))
    }

    /// Returns an error if the caller lacks a scope that one of these resources needs. Resources that the caller does not see
    /// and those that do not exist need none.
    pub(super) fn authorize_resources<'a>(
        &self,
        uris: impl Iterator<Item = &'a String>,
    ) -> Result<(), RpcError> {
        if !self.core.context.access.is_enforced {
            return Ok(());
        }
        let snapshot = self.core.registry.now();
        let sight = self.sight();
        let found = uris.filter_map(|uri| snapshot.resource(uri, |entry| sight.sees(entry)));
        self.require(found.map(|(entry, _)| &**entry))
    }
}

impl Core {
    /// Returns `true` if a caller has the scopes of a component, or others that imply them in its server.
    pub(super) fn permits(&self, origin: &Origin, component: &impl Listed) -> bool {
        let needed = &component.definition().scopes;
        let access = self.access_of(component.mounted());
        access.suffices(origin.scopes(), needed)
    }
}

#[cfg(feature = "auth")]
impl Core {
    /// Returns the scopes of all components that are not hidden.
    pub(super) fn scopes(&self) -> Vec<String> {
        let snapshot = self.registry.now();
        snapshot.scopes().into_iter().map(str::to_owned).collect()
    }

    /// Returns the needed scopes, and the granted ones that are those of components or imply one of them.
    ///
    /// Clients of older revisions ask for no other scopes than these, and would lose what they had.
    pub(super) fn scopes_to_ask_for(&self, needed: &[String], granted: &[String]) -> Vec<String> {
        let known = self.scopes();
        let mounted = self.homes.iter().map(|home| &home.context.access);
        let accesses: Vec<&Access> = std::iter::once(&self.context.access)
            .chain(mounted)
            .collect();
        let is_known = |scope: &&String| {
            let one = std::slice::from_ref(*scope);
            let grants = |known: &String| accesses.iter().any(|it| it.grants(one, known));
            known.iter().any(grants)
        };
        let kept = granted.iter().filter(is_known);
        let kept = kept.filter(|scope| !needed.contains(scope));
        needed.iter().chain(kept).cloned().collect()
    }
}
