//! The three kinds of components.

use proc_macro2::Ident;
use quote::format_ident;
use syn::Path;

use crate::runtime_path::generated;

/// A kind of component, with its names in the runtime.
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

    /// Returns the kind of a component attribute, or `None` for any other attribute.
    pub(crate) fn of(attribute: &Path) -> Option<Self> {
        let (first, last) = (attribute.segments.first()?, attribute.segments.last()?);
        let is_ours = attribute.get_ident().is_some() || first.ident == "mcp_runtime";
        let mut kinds = Self::ALL.into_iter().filter(|_| is_ours);
        kinds.find(|kind| last.ident == kind.attribute())
    }

    /// Returns the name of the definition type.
    pub(crate) fn definition(self) -> Ident {
        let name = match self {
            Self::Tool => "Tool",
            Self::Resource => "Resource",
            Self::Prompt => "Prompt",
        };
        Ident::new(name, generated())
    }

    /// Returns the name of the function that converts the return value of a handler into an outcome.
    pub(crate) fn convert(self) -> Ident {
        format_ident!("{}_result", self.attribute(), span = generated())
    }
}
