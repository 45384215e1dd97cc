//! The OAuth scopes that an operation needs.
//!
//! They are checked before a handler or a layer runs, and before a stream begins.

use std::collections::BTreeSet;

use super::core::{Core, Request};
use crate::protocol::error::RpcError;
use crate::registry::{Listed, ResourceEntry};
use crate::service::Origin;

impl Request {
    /// Returns an error if the caller lacks a scope that a component needs.
    #[inline]
    pub(super) fn authorize(&self, component: &impl Listed) -> Result<(), RpcError> {
        let needed = &component.definition().scopes;
        if needed.is_empty() {
            return Ok(());
        }
        self.require(needed.iter().map(String::as_str))
    }

    /// Returns an error that names all of these scopes if the caller lacks one of them.
    #[cold]
    fn require<'a>(&self, needed: impl Iterator<Item = &'a str>) -> Result<(), RpcError> {
        let needed: BTreeSet<&str> = needed.collect();
        let granted = self.origin.scopes();
        let access = &self.core.context.access;
        if needed.iter().all(|scope| access.grants(granted, scope)) {
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
        let scopes = found.flat_map(|(entry, _)| &entry.definition().scopes);
        let needed: BTreeSet<&str> = scopes.map(String::as_str).collect();
        self.require(needed.into_iter())
    }
}

impl Core {
    /// Returns `true` if a caller has the scopes of a resource.
    pub(super) fn permits(&self, origin: &Origin, entry: &ResourceEntry) -> bool {
        let needed = &entry.definition().scopes;
        self.context.access.suffices(origin.scopes(), needed)
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
        let access = &self.context.access;
        let is_known = |scope: &&String| {
            let one = std::slice::from_ref(*scope);
            known.iter().any(|known| access.grants(one, known))
        };
        let kept = granted.iter().filter(is_known);
        let kept = kept.filter(|scope| !needed.contains(scope));
        needed.iter().chain(kept).cloned().collect()
    }
}
