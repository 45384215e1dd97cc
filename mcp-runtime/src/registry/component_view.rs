//! A component as rules see it.

use super::component_kind::ComponentKind;

/// A component, as the rule of [`Server::visible`](crate::Server::visible) sees it.
#[derive(Debug, Clone, Copy)]
pub struct ComponentView<'a> {
    kind: ComponentKind,
    name: &'a str,
    tags: &'a [String],
}

impl<'a> ComponentView<'a> {
    pub(crate) fn new(kind: ComponentKind, name: &'a str, tags: &'a [String]) -> Self {
        Self { kind, name, tags }
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
