//! The kinds of components.

/// A kind of component that can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ComponentKind {
    /// A tool, by name.
    Tool,
    /// A resource or template, by URI.
    Resource,
    /// A prompt, by name.
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
