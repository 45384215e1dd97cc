//! The three kinds of components.

use proc_macro2::Ident;
use syn::Path;

use crate::runtime_path::generated;

/// The three kinds of components, and the names each has in the runtime.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tool,
    Resource,
    Prompt,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Tool, Self::Resource, Self::Prompt];

    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
        }
    }

    /// The kind that an attribute makes.
    pub(crate) fn of(attribute: &Path) -> Option<Self> {
        let name = &attribute.segments.last()?.ident;
        Self::ALL.into_iter().find(|kind| name == kind.attribute())
    }

    /// The type of definitions.
    pub(crate) fn definition(self) -> Ident {
        self.pick("Tool", "Resource", "Prompt")
    }

    /// The function that makes an outcome of what the user's function returns.
    pub(crate) fn convert(self) -> Ident {
        self.pick("tool_result", "resource_result", "prompt_result")
    }

    fn pick(self, tool: &str, resource: &str, prompt: &str) -> Ident {
        let name = match self {
            Self::Tool => tool,
            Self::Resource => resource,
            Self::Prompt => prompt,
        };
        Ident::new(name, generated())
    }
}
