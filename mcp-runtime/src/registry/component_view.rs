//! A component as rules see it.

use super::component_kind::ComponentKind;

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
}

impl<'a> ComponentView<'a> {
    pub(crate) fn new(
        kind: ComponentKind,
        name: &'a str,
        tags: &'a [String],
        hiding_scopes: &'a [String],
    ) -> Self {
        Self {
            kind,
            name,
            tags,
            hiding_scopes,
        }
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
