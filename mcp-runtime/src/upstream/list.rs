//! The lists of an upstream server, and the server that has their components.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::registry::{Component, ComponentKind};

/// A list of an upstream server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    // The order in which they are added: a tool may refer to a resource.
    Resources,
    Templates,
    Tools,
    Prompts,
}

impl List {
    pub(super) const ALL: [Self; 4] =
        [Self::Resources, Self::Templates, Self::Tools, Self::Prompts];

    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
        }
    }

    /// The member of the result with the definitions.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
            Self::Tools => "tools",
            Self::Prompts => "prompts",
        }
    }

    /// The capability of a server that has the list.
    pub(super) fn capability(self) -> &'static str {
        match self {
            Self::Resources | Self::Templates => "resources",
            Self::Tools => "tools",
            Self::Prompts => "prompts",
        }
    }

    pub(super) fn kind(self) -> ComponentKind {
        match self {
            Self::Resources | Self::Templates => ComponentKind::Resource,
            Self::Tools => ComponentKind::Tool,
            Self::Prompts => ComponentKind::Prompt,
        }
    }

    /// The member of a definition that identifies the component.
    fn key(self) -> &'static str {
        match self {
            Self::Resources => "uri",
            Self::Templates => "uriTemplate",
            Self::Tools | Self::Prompts => "name",
        }
    }

    /// Returns the name or URI of a definition.
    ///
    /// # Errors
    /// Returns an error if the definition has none.
    pub(super) fn key_of(self, definition: &Value) -> Result<String, String> {
        let key = definition.get(self.key()).and_then(Value::as_str);
        let key = key.ok_or_else(|| format!("a definition has no `{}`", self.key()))?;
        Ok(key.to_owned())
    }
}

/// The server that has the components of an upstream server.
pub(crate) trait Host: Send + Sync + 'static {
    /// Adds a component.
    ///
    /// # Errors
    /// Returns an error if the component has a problem.
    fn add(&self, component: Component) -> Result<(), String>;

    /// Removes a component.
    fn remove(&self, kind: ComponentKind, name: &str);

    /// Tells the instructions of the upstream server.
    fn instructed(&self, instructions: Option<&str>);

    /// Says that a list has changed, although its components are the same.
    fn listed(&self, kind: ComponentKind);

    /// Says that a resource has changed.
    fn updated(&self, uri: &str);
}

/// The components that the host has.
#[derive(Default)]
pub(super) struct Listed {
    /// By list and name: the definition, and `true` if the component was accepted.
    pub(super) all: BTreeMap<(List, String), (String, bool)>,
}
