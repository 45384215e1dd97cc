//! The kinds of components.

/// The kind of a component. A component is identified by its kind and its name or URI.
///
/// ```
/// use mcp_runtime::{ComponentKind, Server};
///
/// // Prompts are for callers with a name.
/// let server = Server::new("app", "1.0.0")
///     .visible(|caller, component| component.kind() != ComponentKind::Prompt || caller.principal().is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ComponentKind {
    /// A tool, identified by name.
    Tool,
    /// A resource or template, identified by URI.
    Resource,
    /// A prompt, identified by name.
    Prompt,
}

impl ComponentKind {
    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
        }
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Resource => "resources",
            Self::Prompt => "prompts",
        }
    }
}
