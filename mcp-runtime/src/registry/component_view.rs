//! A component as rules see it.

use super::component_kind::ComponentKind;
use crate::mount::Mounted;

/// A component, as the rule of [`Server::visible`](crate::Server::visible) sees it.
///
/// ```
/// use mcp_runtime::Server;
///
/// let server = Server::new("app", "1.0.0")
///     .visible(|caller, component| !component.has_tag("admin") || caller.header("x-admin").is_some());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ComponentView<'a> {
    kind: ComponentKind,
    name: &'a str,
    tags: &'a [String],
    hiding_scopes: &'a [String],
    mounted: Option<&'a Mounted>,
}

impl<'a> ComponentView<'a> {
    pub(crate) fn new(
        kind: ComponentKind,
        name: &'a str,
        tags: &'a [String],
        hiding_scopes: &'a [String],
        mounted: Option<&'a Mounted>,
    ) -> Self {
        Self {
            kind,
            name,
            tags,
            hiding_scopes,
            mounted,
        }
    }

    /// Returns the origin of a component of a mounted server.
    pub(crate) fn mounted(&self) -> Option<&'a Mounted> {
        self.mounted
    }

    /// Returns the component as the rules of a server see it in which it has this name.
    pub(crate) fn renamed(&self, name: &'a str) -> Self {
        Self { name, ..*self }
    }

    /// Returns the OAuth scopes without which the component is hidden.
    pub(crate) fn hiding_scopes(&self) -> &'a [String] {
        self.hiding_scopes
    }

    /// Returns the kind.
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// Returns the name of a tool or prompt, and the URI or URI template of a resource.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Returns the tags, in the order of their declaration.
    pub fn tags(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.tags.iter().map(String::as_str)
    }

    /// Returns `true` if the component has this tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|other| other == tag)
    }
}
