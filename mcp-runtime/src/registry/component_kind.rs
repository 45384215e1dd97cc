//! The kinds of components.

/// The kind of a component. A component is identified by its kind and its name or URI.
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
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Resource => "resources",
            Self::Prompt => "prompts",
        }
    }
}
